// What is right in each service and wrong between them.
import type { Asked } from './attachments.ts'
import { cyclesOf } from './depends-on.ts'
import type { PortModel } from './model.ts'
import type { ReadService } from './service.ts'

export function refuseConflicts(services: readonly ReadService[]): void {
  refuseCycles(services)
  refuseUnhealthyDependencies(services)
  refusePortConflicts(services)
  refuseDomainConflicts(services)
  refuseDatabaseConflicts(services)
  refuseExclusiveConflicts(services)
}

function refuseCycles(services: readonly ReadService[]): void {
  const byName = new Map(services.map((service) => [service.model.name, service]))
  const dependencies = new Map(
    services.map(({ model }) => [model.name, model.dependsOn.map(({ service }) => service)]),
  )
  for (const cycle of cyclesOf(dependencies)) {
    const shown = cycle.length > 12 ? [...cycle.slice(0, 11), '…', ...cycle.slice(-1)] : cycle
    byName.get(cycle[0] ?? '')?.field.refuse(`services wait for each other: ${shown.join(' → ')}`, {
      hint: 'remove one of these from depends_on',
    })
  }
}

function refuseUnhealthyDependencies(services: readonly ReadService[]): void {
  const unchecked = new Set(
    services
      .filter(({ model }) => model.healthCheck.type === 'disabled')
      .map(({ model }) => model.name),
  )
  for (const { field, model } of services) {
    for (const { service, condition } of model.dependsOn) {
      if (condition === 'healthy' && unchecked.has(service)) {
        field.refuse(`${service} is waited for until healthy, but has its health check disabled`)
      }
    }
  }
}

const ANY: Readonly<Record<string, string>> = { v4: '0.0.0.0', v6: '::' }

function refusePortConflicts(services: readonly ReadService[]): void {
  const owners = new Map<string, string>()
  const all = services.flatMap(({ model, ports }) =>
    ports.map((read) => ({ ...read, name: model.name })),
  )
  // Who listens on every address comes first, so that a narrower one finds it whatever the order of the file.
  const isAny = (port: PortModel): boolean => Object.values(ANY).includes(port.address)
  const ordered = [
    ...all.filter((each) => isAny(each.port)),
    ...all.filter((each) => !isAny(each.port)),
  ]
  for (const { port, field, name } of ordered) {
    const { address, publishedPort } = port
    if (publishedPort === undefined) continue
    const family = address.includes(':') ? 'v6' : 'v4'
    const owner =
      owners.get(`${ANY[family]} ${publishedPort}`) ?? owners.get(`${address} ${publishedPort}`)
    if (owner !== undefined) {
      field.refuse(`port ${publishedPort} of ${address} is opened by ${owner} already`, {
        code: 'AlreadyExists',
        hint: 'choose another port, or leave it out and let Polis give one out',
      })
    }
    owners.set(`${address} ${publishedPort}`, name)
  }
}

function refuseDomainConflicts(services: readonly ReadService[]): void {
  const owners = new Map<string, string>()
  for (const { model, attachments } of services) {
    for (const { request, field } of attachments.domains) {
      const owner = owners.get(request.host)
      if (owner !== undefined) {
        field.refuse(`${request.host} leads to ${owner} already`, { code: 'AlreadyExists' })
      }
      owners.set(request.host, model.name)
    }
  }
}

/** Services that ask for the same name share one database; then they must mean the same device. */
function refuseDatabaseConflicts(services: readonly ReadService[]): void {
  const first = new Map<string, string>()
  for (const { attachments } of services) {
    for (const { request, field } of attachments.databases) {
      const { name, database, device, engine } = request
      const key = database === undefined ? `own ${name}` : `named ${database}`
      const where = JSON.stringify([device, engine])
      if ((first.get(key) ?? where) !== where) {
        field.refuse(`another service asks for the same database on another device`, {
          hint: 'give it another name, or name the same device',
        })
      }
      first.set(key, first.get(key) ?? where)
    }
  }
}

function refuseExclusiveConflicts(services: readonly ReadService[]): void {
  const users = new Map<string, Asked<{ readonly exclusive: boolean }>[]>()
  for (const { model, attachments } of services) {
    for (const asked of attachments.dynamicVolumes) {
      const { name, volume, exclusive } = asked.request
      if (exclusive && model.replicas > 1) {
        asked.field.refuse(`${model.replicas} tasks cannot each have a volume to themselves`, {
          hint: 'write exclusive: false, or run one replica',
        })
      }
      const key = volume === undefined ? `own ${name}` : `named ${volume}`
      users.set(key, [...(users.get(key) ?? []), asked])
    }
  }
  for (const askers of users.values()) {
    const exclusive = askers.find(({ request }) => request.exclusive)
    if (exclusive !== undefined && askers.length > 1) {
      exclusive.field.refuse('another service uses this volume too, so it cannot be exclusive')
    }
  }
}
