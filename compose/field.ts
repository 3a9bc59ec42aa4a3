import type { Findings, Remark } from './findings.ts'
import { nearest } from './nearest.ts'
import type { TreeNode } from './tree.ts'

/** Which keys a map may have. `x-…` keys are always accepted and ignored, as Compose says, except `x-polis`. */
export interface KeySet {
  readonly honoured: readonly string[]
  /** Keys that Compose knows and Polis does not honour, each with what to do instead. */
  readonly refused?: Readonly<Record<string, string>>
}

const TRUE_WORDS: ReadonlySet<string> = new Set(['true', 'yes', 'on', 'y'])
const FALSE_WORDS: ReadonlySet<string> = new Set(['false', 'no', 'off', 'n'])
const MOST_QUOTED = 60
const MOST_CHOICES = 120

/**
 * One value of a file, with its path. Each `as…` gives the value in that form, or refuses it and gives undefined;
 * a reader that gets undefined goes on, since the refusal is already on the list.
 */
export class Field {
  readonly path: string
  readonly node: TreeNode
  readonly #findings: Findings

  constructor(node: TreeNode, path: string, findings: Findings) {
    this.node = node
    this.path = path
    this.#findings = findings
  }

  /** Always undefined, so that a reader can return it. */
  refuse(message: string, remark: Omit<Remark, 'place'> = {}): undefined {
    this.#findings.refuse(this.path, message, { ...remark, place: this.node.place })
    return undefined
  }

  warn(message: string, hint?: string): void {
    const remark = hint === undefined ? {} : { hint }
    this.#findings.warn(this.path, message, { ...remark, place: this.node.place })
  }

  /** The value as it would be quoted in a message. */
  get quoted(): string {
    if (this.node.kind !== 'scalar') return `a ${this.node.kind}`
    const { text } = this.node
    return JSON.stringify(text.length > MOST_QUOTED ? `${text.slice(0, MOST_QUOTED)}…` : text)
  }

  get isNull(): boolean {
    return this.node.kind === 'scalar' && this.node.value === null
  }

  get isText(): boolean {
    return this.node.kind === 'scalar' && typeof this.node.value === 'string'
  }

  asText(): string | undefined {
    if (this.node.kind === 'scalar' && typeof this.node.value === 'string') return this.node.value
    const isScalar = this.node.kind === 'scalar' && this.node.value !== null
    return this.refuse('must be text', isScalar ? { hint: `write "${this.node.text}"` } : {})
  }

  asFilledText(): string | undefined {
    const text = this.asText()
    return text === '' ? this.refuse('must not be empty') : text
  }

  /** Text, or a number or boolean as it was written. */
  asWritten(): string | undefined {
    if (this.node.kind === 'scalar' && this.node.value !== null) return this.node.text
    return this.refuse('must be text, a number or a boolean')
  }

  asFlag(): boolean | undefined {
    if (this.node.kind === 'scalar') {
      if (typeof this.node.value === 'boolean') return this.node.value
      const word = this.node.text.toLowerCase()
      const isTrue = TRUE_WORDS.has(word)
      if (isTrue || FALSE_WORDS.has(word)) {
        if (word !== String(isTrue)) this.warn(`${this.quoted} is read as ${isTrue}`)
        return isTrue
      }
    }
    return this.refuse('must be true or false')
  }

  asInteger(least: number, most: number): number | undefined {
    const written = this.node.kind === 'scalar' ? this.node.text : ''
    const value = /^[+-]?\d{1,15}$/.test(written) ? Number(written) : undefined
    if (value !== undefined && value >= least && value <= most) return value
    return this.refuse(`must be a whole number from ${least} to ${most}, not ${this.quoted}`)
  }

  asChoice<T extends string>(choices: readonly T[]): T | undefined {
    const text = this.asText()
    if (text === undefined) return undefined
    const choice = choices.find((each) => each === text)
    if (choice !== undefined) return choice
    return this.refuse(
      `must be one of ${choices.join(', ')}, not ${this.quoted}`,
      this.guess(text, choices),
    )
  }

  /** A hint at the choice that was likely meant, if there is one. */
  guess(word: string, choices: readonly string[]): { hint?: string } {
    if (this.#findings.isFull || choices.length > MOST_CHOICES) return {}
    const choice = nearest(word, choices)
    return choice === undefined ? {} : { hint: `did you mean ${choice}?` }
  }

  asList(): readonly Field[] | undefined {
    if (this.node.kind !== 'list') return this.refuse('must be a list')
    return this.node.items.map((item, index) => this.#child(item, `${this.path}[${index}]`))
  }

  /** All entries, in the order of the file. */
  asMap(): ReadonlyMap<string, Field> | undefined {
    if (this.node.kind !== 'map') return this.refuse('must be a map')
    const entries = [...this.node.entries]
    return new Map(entries.map(([key, node]) => [key, this.#child(node, this.#pathOf(key))]))
  }

  /** The honoured entries that have a value; all others are refused. */
  asKeys(keys: KeySet): ReadonlyMap<string, Field> {
    const found = new Map<string, Field>()
    for (const [key, field] of this.asMap() ?? []) {
      if (keys.honoured.includes(key)) {
        if (!field.isNull) found.set(key, field)
      } else field.#refuseKey(key, keys)
    }
    return found
  }

  #refuseKey(key: string, { honoured, refused = {} }: KeySet): void {
    if (key === 'x-polis') {
      this.refuse('x-polis belongs on a service', { hint: 'write it at services.<name>.x-polis' })
      return
    }
    if (key.startsWith('x-')) return
    const hint = Object.hasOwn(refused, key) ? refused[key] : undefined
    if (hint !== undefined) {
      this.refuse(`${key} is not supported`, { code: 'Unimplemented', hint })
      return
    }
    this.refuse(`unknown key ${JSON.stringify(key.slice(0, MOST_QUOTED))}`, {
      hint: `known here: ${honoured.join(', ')}`,
      ...this.guess(key, [...honoured, ...Object.keys(refused)]),
    })
  }

  #pathOf(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`
  }

  #child(node: TreeNode, path: string): Field {
    return new Field(node, path, this.#findings)
  }
}
