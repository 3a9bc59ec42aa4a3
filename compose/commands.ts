// command, entrypoint and healthcheck.
import type { Field } from './field.ts'
import { HEALTH_CHECK_KEYS } from './keys.ts'
import type { HealthCheckModel } from './model.ts'
import { splitCommand } from './shell-words.ts'
import { millisecondsOf } from './units.ts'

/** Undefined: the image's own. A text is split into words as Compose does; there is no shell. */
export function readCommand(field: Field | undefined): readonly string[] | undefined {
  if (field === undefined) return undefined
  if (field.node.kind === 'list') return readWords(field)
  const text = field.asText()
  if (text === undefined) return undefined
  const split = splitCommand(text)
  if ('words' in split) return split.words
  if (split.fault === 'unbalanced') {
    return field.refuse(`the command cannot be split into words: unbalanced ${split.sign}`)
  }
  return field.refuse(`the command holds ${split.sign}, which only a shell understands`, {
    hint: 'write ["sh", "-c", "…"], or quote the character',
  })
}

function readWords(field: Field): readonly string[] | undefined {
  const items = field.asList() ?? []
  const words = items.map((item) => item.asText())
  return words.every((word) => word !== undefined) ? words : undefined
}

export function readHealthCheck(field: Field | undefined): HealthCheckModel {
  if (field === undefined) return { type: 'image' }
  const keys = field.asKeys(HEALTH_CHECK_KEYS)
  const test = readTest(keys.get('test'))
  const isDisabled = keys.get('disable')?.asFlag() ?? false
  const isNone = test[0] === 'NONE'
  if (isDisabled || isNone) {
    if (isDisabled && test.length > 0 && !isNone) {
      field.refuse('disable: true and a test contradict each other', { hint: 'remove one' })
    }
    return { type: 'disabled' }
  }
  const intervalMs = readDuration(keys.get('interval'))
  const timeoutMs = readDuration(keys.get('timeout'))
  const startPeriodMs = readDuration(keys.get('start_period'))
  const retries = keys.get('retries')?.asInteger(0, 1000)
  // Zero is how the engine says "not given".
  const given = {
    ...(intervalMs ? { intervalMs } : {}),
    ...(timeoutMs ? { timeoutMs } : {}),
    ...(startPeriodMs ? { startPeriodMs } : {}),
    ...(retries ? { retries } : {}),
  }
  const isEmpty = test.length === 0 && Object.keys(given).length === 0
  return isEmpty ? { type: 'image' } : { type: 'custom', test, ...given }
}

/** Empty: the image's. */
function readTest(field: Field | undefined): readonly string[] {
  if (field === undefined) return []
  if (field.node.kind !== 'list') {
    const text = field.asFilledText()
    return text === undefined ? [] : ['CMD-SHELL', text]
  }
  const words = readWords(field) ?? []
  const [kind] = words
  if (kind === undefined) return []
  const isRight =
    kind === 'NONE' ||
    (kind === 'CMD' && words.length > 1) ||
    (kind === 'CMD-SHELL' && words.length === 2)
  if (!isRight) {
    field.refuse('a test list is ["CMD", program, …], ["CMD-SHELL", line] or ["NONE"]')
  }
  return words
}

export function readDuration(field: Field | undefined): number | undefined {
  if (field === undefined) return undefined
  const text = field.node.kind === 'scalar' ? field.node.text : ''
  const milliseconds = millisecondsOf(text)
  if (milliseconds !== undefined) return milliseconds
  const hint = /^\d+$/.test(text) ? `give it a unit: ${text}s` : 'write it like 10s, 1m30s or 500ms'
  return field.refuse(`${field.quoted} is not a duration`, { hint })
}
