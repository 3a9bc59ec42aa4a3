import { isDnsLabel, toDnsLabel } from '@polis/lib/names'
import type { Field } from './field.ts'

const MOST_NAME = 63

/** A name that must be a DNS label as it is written. */
export function readLabel(field: Field): string | undefined {
  const text = field.asFilledText()
  if (text === undefined || isDnsLabel(text)) return text
  const label = text.length > MOST_NAME ? undefined : toDnsLabel(text)
  return field.refuse(
    `${field.quoted} is not a name: use a-z, 0-9 and -, at most ${MOST_NAME} characters`,
    label === undefined ? {} : { hint: `write ${label}` },
  )
}

/**
 * The label that stands for a key of the file. Compose also allows `_`, `.` and capitals, which no host name may have;
 * they become `-` and small letters. Undefined when refused.
 */
function labelOfKey(key: string, field: Field): string | undefined {
  if (key.length > MOST_NAME) {
    return field.refuse(`the name is longer than ${MOST_NAME} characters`)
  }
  const label = /^[a-zA-Z0-9._-]+$/.test(key) ? toDnsLabel(key) : undefined
  return label ?? field.refuse(`${JSON.stringify(key)} is not a name: use a-z, 0-9 and -`)
}

/** Label by key, for every key of a map; two keys with one label are refused. */
export function labelsOf(fields: ReadonlyMap<string, Field>): ReadonlyMap<string, string> {
  const keyOf = new Map<string, string>()
  const labels = new Map<string, string>()
  for (const [key, field] of fields) {
    const label = labelOfKey(key, field)
    if (label === undefined) continue
    const other = keyOf.get(label)
    if (other !== undefined) {
      field.refuse(`${other} and ${key} would both be called ${label}`, {
        code: 'AlreadyExists',
        hint: 'rename one of them',
      })
    }
    keyOf.set(label, key)
    labels.set(key, label)
  }
  return labels
}
