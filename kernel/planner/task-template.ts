import type { ServiceModel } from '@polis/compose/model'
import type { Attachment } from '@polis/resources/attachment'
import type { ServiceOverride } from '@polis/resources/instance'
import type { HealthCheck, TaskTemplate } from '@polis/resources/service'

export interface TemplateInput {
  readonly model: ServiceModel
  readonly override: ServiceOverride | undefined
  /** Pinned. */
  readonly image: string
  /** Of this service, both layers, none that is going. */
  readonly databases: readonly {
    readonly attachment: Attachment['spec']
    readonly passwordVersion: number
  }[]
  /** Volume object of each named volume that the service mounts, by key. */
  readonly volumeUids: ReadonlyMap<string, string>
}

/** What the tasks of a service are started from: the file's layer with the operator's over it. */
export function taskTemplateOf(input: TemplateInput): TaskTemplate {
  const { model, override, image, databases, volumeUids } = input
  const healthCheck = healthCheckOf(model)
  return {
    image,
    ...optional('command', model.command && [...model.command]),
    ...optional('entrypoint', model.entrypoint && [...model.entrypoint]),
    ...optional('workingDir', model.workingDir),
    ...optional('user', model.user),
    ...optional('init', model.init),
    ...optional('stopSignal', model.stopSignal),
    ...optional('healthCheck', healthCheck),
    ...optional('restartToken', override?.restartToken),
    stopGracePeriodMs: model.stopGracePeriodMs,
    environment: { ...model.environment, ...override?.environment },
    environmentFrom: environmentFrom(databases),
    labels: { ...model.labels },
    resources: { ...model.resources },
    mounts: model.volumeMounts.flatMap(({ volume, target, readOnly }) => {
      const volumeUid = volumeUids.get(volume)
      return volumeUid === undefined ? [] : [{ volumeUid, target, isReadOnly: readOnly }]
    }),
    aliases: [...model.aliases],
  }
}

function environmentFrom(databases: TemplateInput['databases']): TaskTemplate['environmentFrom'] {
  const entries = databases.flatMap(({ attachment, passwordVersion }) =>
    attachment.target.type !== 'database'
      ? []
      : Object.entries(attachment.target.environment).map(
          ([name, key]) =>
            [name, { alias: attachment.alias, key, version: passwordVersion }] as const,
        ),
  )
  return Object.fromEntries(entries)
}

function healthCheckOf({ healthCheck }: ServiceModel): HealthCheck | undefined {
  switch (healthCheck.type) {
    case 'image':
      return undefined
    case 'disabled':
      return { test: ['NONE'] }
    case 'custom': {
      const { type: _, test, ...times } = healthCheck
      return { ...times, test: [...test] }
    }
  }
}

function optional<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [K in Key]?: Value } {
  // An absent member and an undefined one are different things to the stored document's schema.
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]?: Value })
}
