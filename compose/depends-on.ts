import type { Field } from './field.ts'
import { DEPENDENCY_KEYS } from './keys.ts'
import type { DependencyModel } from './model.ts'
import { byText } from './pairs.ts'

const CONDITIONS = ['service_started', 'service_healthy', 'service_completed_successfully'] as const

/** `labels`: label by key of all services of the file. */
export function readDependsOn(
  field: Field | undefined,
  labels: ReadonlyMap<string, string>,
): readonly DependencyModel[] {
  if (field === undefined) return []
  const isList = field.node.kind === 'list'
  const asked: readonly (readonly [string, Field])[] = isList
    ? (field.asList() ?? []).map((item) => [item.asText() ?? '', item] as const)
    : [...(field.asMap() ?? [])]
  const found = new Map<string, DependencyModel>()
  for (const [key, item] of asked) {
    const condition = isList ? 'started' : readCondition(item)
    const service = serviceOf(key, item, labels)
    if (service === undefined || condition === undefined) continue
    if (found.has(service)) item.refuse(`${key} is there twice`)
    found.set(service, { service, condition })
  }
  return [...found.values()].toSorted((a, b) => byText(a.service, b.service))
}

function serviceOf(
  key: string,
  item: Field,
  labels: ReadonlyMap<string, string>,
): string | undefined {
  if (key === '') return undefined
  const service = labels.get(key)
  if (service !== undefined) return service
  return item.refuse(`there is no service ${JSON.stringify(key.slice(0, 80))} in this file`, {
    code: 'NotFound',
    ...item.guess(key, [...labels.keys()]),
  })
}

function readCondition(item: Field): DependencyModel['condition'] | undefined {
  const keys = item.asKeys(DEPENDENCY_KEYS)
  const restart = keys.get('restart')
  if (restart?.asFlag() === true) {
    restart.refuse('restart: true is not supported', {
      code: 'Unimplemented',
      hint: 'leave it out: a service reconnects when what it depends on comes back',
    })
  }
  const required = keys.get('required')
  if (required?.asFlag() === false) {
    required.refuse('required: false is not supported', {
      code: 'Unimplemented',
      hint: 'leave the dependency out: services start side by side then',
    })
  }
  const field = keys.get('condition')
  if (field === undefined) return item.refuse('condition is missing')
  const condition = field.asChoice(CONDITIONS)
  if (condition === 'service_completed_successfully') {
    return field.refuse('service_completed_successfully is not supported', {
      code: 'Unimplemented',
      hint: 'do the one-time work at the start of the service that needs it, in its entrypoint',
    })
  }
  return condition === undefined
    ? undefined
    : condition === 'service_healthy'
      ? 'healthy'
      : 'started'
}

/** A way round, like [a, b, a], for each service that can be reached from itself; each circle once. */
export function cyclesOf(
  dependencies: ReadonlyMap<string, readonly string[]>,
): readonly (readonly string[])[] {
  const cycles: (readonly string[])[] = []
  const done = new Set<string>()
  for (const start of dependencies.keys()) {
    if (done.has(start)) continue
    // Walked with a list instead of recursion: a chain may be thousands long.
    const path = [{ name: start, next: 0 }]
    const onPath = new Map([[start, 0]])
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const name = (dependencies.get(top.name) ?? [])[top.next]
      top.next += 1
      if (name === undefined) {
        done.add(top.name)
        onPath.delete(top.name)
        path.pop()
      } else if (onPath.has(name)) {
        cycles.push([...path.slice(onPath.get(name)).map((step) => step.name), name])
      } else if (!done.has(name)) {
        onPath.set(name, path.length)
        path.push({ name, next: 0 })
      }
    }
  }
  return cycles
}
