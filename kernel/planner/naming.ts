/** How objects that an application brings along are called. One place, since plans, controllers and docs must agree. */

export function serviceObjectName(instanceName: string, serviceName: string): string {
  return `${instanceName}.${serviceName}`
}

export function derivedName(instanceName: string, key: string): string {
  return `${instanceName}-${key}`
}

/** Dots keep it apart from secrets that people name, which are DNS labels. */
export function passwordSecretName(databaseName: string): string {
  return `database.${databaseName}.password`
}

export function revisionName(instanceName: string, number: number): string {
  return `${instanceName}.r${number}`
}

export function attachmentName(serviceObject: string, type: string, alias: string): string {
  return `${serviceObject}.${type}.${alias}`
}

/** What the database engine calls it: at most 63 bytes, and apart from other projects'. */
export function engineDatabaseName(projectName: string, databaseName: string): string {
  const name = projectName === 'default' ? databaseName : `${projectName}_${databaseName}`
  return name.replaceAll('-', '_').slice(0, 63)
}
