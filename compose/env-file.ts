// `.env`: NAME=value lines as Compose reads them.
// https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/#env-file-syntax
import { PolisError, refusal } from '@polis/lib/error'
import { type Environment, interpolate, valueOf } from './template.ts'

export interface EnvFileOptions {
  /** For messages. */
  readonly path?: string
  /** Wins over names of the file inside `${…}`, and gives the value of a name that stands alone. */
  readonly environment?: Environment
}

const MOST_CHARACTERS = 1 << 20

/**
 * The names of the file with their values; of a name that is there twice the last. Throws a refusal (InvalidArgument,
 * with the line) at the first line that cannot be read. Values never appear in it.
 */
export function parseEnvFile(text: string, options: EnvFileOptions = {}): Environment {
  const { path = '.env', environment = {} } = options
  if (text.length > MOST_CHARACTERS) {
    throw new PolisError('InvalidArgument', 'the file is larger than 1 MiB', { path })
  }
  const scanner = new Scanner(text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n'), path)
  const values = new Map<string, string>()
  const known: Record<string, string> = { ...environment }
  for (let name = scanner.name(); name !== undefined; name = scanner.name()) {
    const raw = scanner.value()
    const inherited = valueOf(environment, name)
    const value =
      raw === undefined || raw.isLiteral
        ? (raw?.text ?? inherited)
        : scanner.expand(raw.text, known)
    if (value === undefined) continue
    values.set(name, value)
    known[name] = inherited ?? value
  }
  return Object.fromEntries(values)
}

interface RawValue {
  readonly text: string
  /** In single quotes: dollar signs mean nothing. */
  readonly isLiteral: boolean
}

const NAME_CHARACTER = /[\p{L}\p{N}_.[\]-]/u
const SPACE = /[\t\v\f\r \u0085\u00A0]/

class Scanner {
  readonly #text: string
  readonly #path: string
  #at = 0
  #statementAt = 0

  constructor(text: string, path: string) {
    this.#text = text
    this.#path = path
  }

  /** The next name, standing behind it at `=`, `:`, the end of the line or of the text. */
  name(): string | undefined {
    this.#skipToStatement()
    if (this.#at >= this.#text.length) return undefined
    this.#statementAt = this.#at
    const [exported = ''] = /^export\s+/.exec(this.#text.slice(this.#at, this.#at + 200)) ?? []
    this.#at += exported.length
    const start = this.#at
    while (!/^[=:\n]?$/.test(this.#here)) {
      if (!NAME_CHARACTER.test(this.#here) && !SPACE.test(this.#here)) {
        throw this.#refusal(`unexpected character ${JSON.stringify(this.#here)} in a name`)
      }
      this.#at += 1
    }
    const name = this.#text.slice(start, this.#at).trimEnd()
    if (name === '' || name === '__proto__') throw this.#refusal('a name is missing')
    if (/\s/.test(name)) throw this.#refusal('a name cannot hold a space')
    return name
  }

  /** The value behind a name; undefined when the name stands alone. */
  value(): RawValue | undefined {
    if (!/^[=:]$/.test(this.#here)) return undefined
    this.#at += 1
    const start = this.#at
    while (SPACE.test(this.#here)) this.#at += 1
    const quote = this.#here
    if (quote === '"' || quote === "'") return this.#quoted(quote)
    const line = this.#text.slice(start, this.#lineEnd())
    this.#at = this.#lineEnd()
    return { text: line.replace(/\s#.*$/, '').trim(), isLiteral: false }
  }

  expand(text: string, known: Environment): string {
    try {
      return interpolate(text, known)
    } catch (error) {
      throw error instanceof PolisError ? this.#refusal(error.message) : error
    }
  }

  #quoted(quote: string): RawValue {
    this.#at += 1
    let text = ''
    for (; this.#at < this.#text.length; this.#at += 1) {
      const sign = this.#here
      if (sign === quote) {
        this.#at += 1
        this.#refuseRest()
        return quote === "'"
          ? { text, isLiteral: true }
          : { text: unescape(text), isLiteral: false }
      }
      if (sign === '\\') {
        this.#at += 1
        text += this.#here === quote && quote === "'" ? quote : `\\${this.#here}`
      } else text += sign
    }
    throw this.#refusal('a quoted value is not closed')
  }

  #refuseRest(): void {
    const rest = this.#text.slice(this.#at, this.#lineEnd()).trim()
    if (rest !== '' && !rest.startsWith('#')) {
      throw this.#refusal('something follows the closing quote')
    }
    this.#at = this.#lineEnd()
  }

  #skipToStatement(): void {
    while (this.#at < this.#text.length) {
      if (this.#here === '#') this.#at = this.#lineEnd()
      else if (/\s|\u0085/.test(this.#here)) this.#at += 1
      else return
    }
  }

  get #here(): string {
    return this.#text[this.#at] ?? ''
  }

  #lineEnd(): number {
    const end = this.#text.indexOf('\n', this.#at)
    return end < 0 ? this.#text.length : end
  }

  #refusal(message: string): PolisError {
    const line = this.#text.slice(0, this.#statementAt).split('\n').length
    const path = `${this.#path}:${line}`
    const hint = 'write NAME=value; quote values that hold # or spaces at the ends'
    return refusal([
      { code: 'InvalidArgument', path, message, hint, file: this.#path, line, column: 1 },
    ])
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '"': '"',
  '\\': '\\',
  // A dollar sign that starts no variable.
  $: '$$',
}

/** What is no escape sequence stays as it is, backslash and all. */
function unescape(text: string): string {
  return text.replaceAll(/\\(?:0([0-3][0-7]{2})|([abfnrtv$"\\]))/g, (whole, octal, letter) => {
    if (typeof octal === 'string') return String.fromCharCode(Number.parseInt(octal, 8))
    return typeof letter === 'string' ? (ESCAPES[letter] ?? whole) : whole
  })
}
