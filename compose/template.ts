// Variables in values: $VAR, ${VAR}, ${VAR:-d}, ${VAR-d}, ${VAR:?e}, ${VAR?e}, ${VAR:+x}, ${VAR+x}, nested, and $$.
// https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md
import { PolisError } from '@polis/lib/error'

const OPERATORS = [':-', ':?', ':+', '-', '?', '+'] as const
type Operator = (typeof OPERATORS)[number]

interface Substitution {
  readonly name: string
  readonly operator?: Operator
  readonly operand: Template
}
type Template = readonly (string | Substitution)[]

/** Values by name; a name that is not there is unset, which is not the same as empty. */
export type Environment = Readonly<Record<string, string>>

export interface VariableUse {
  readonly name: string
  /** The reader refuses the file when it has no value. */
  readonly isRequired: boolean
}

// One value must not blow up: thousand uses of a variable that holds a megabyte.
const MOST_CHARACTERS = 1 << 20
const MOST_NESTING = 20
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y

/**
 * `text` with its variables put in; `onUnset` hears of each that has neither value nor default.
 * Throws InvalidArgument for a malformed `${…}` and for a required variable without a value.
 */
export function interpolate(
  text: string,
  environment: Environment,
  onUnset: (name: string) => void = () => {},
): string {
  if (!text.includes('$')) return text
  return expand(new Parser(text).whole(), environment, onUnset)
}

/** The variables that `text` asks for, in order, also those inside defaults, which are never required for certain. */
export function variablesInText(text: string): readonly VariableUse[] {
  return text.includes('$') ? uses(new Parser(text).whole(), true) : []
}

/** Own entries only, so that `${constructor}` is unset. */
export function valueOf(environment: Environment, name: string): string | undefined {
  return Object.hasOwn(environment, name) ? environment[name] : undefined
}

function uses(template: Template, isCertain: boolean): VariableUse[] {
  return template.flatMap((part) => {
    if (typeof part === 'string') return []
    const isRequired = isCertain && part.operator?.endsWith('?') === true
    return [{ name: part.name, isRequired }, ...uses(part.operand, false)]
  })
}

function expand(
  template: Template,
  environment: Environment,
  onUnset: (name: string) => void,
): string {
  let result = ''
  for (const part of template) {
    result += typeof part === 'string' ? part : substitute(part, environment, onUnset)
    if (result.length > MOST_CHARACTERS) {
      throw new PolisError('InvalidArgument', 'the value is longer than 1 MiB with its variables')
    }
  }
  return result
}

function substitute(
  { name, operator, operand }: Substitution,
  environment: Environment,
  onUnset: (name: string) => void,
): string {
  const value = valueOf(environment, name)
  const isThere = value !== undefined && (value !== '' || !operator?.startsWith(':'))
  if (operator === undefined) {
    if (value === undefined) onUnset(name)
    return value ?? ''
  }
  if (operator.endsWith('+')) return isThere ? expand(operand, environment, onUnset) : ''
  if (isThere) return value
  const text = expand(operand, environment, onUnset)
  if (operator.endsWith('-')) return text
  const message = `required variable ${name} is ${value === undefined ? 'not set' : 'empty'}`
  throw new PolisError('InvalidArgument', text === '' ? message : `${message}: ${text}`, {
    hint: `set ${name} in the environment or in .env`,
  })
}

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): Template {
    return this.#template(0)
  }

  /** Up to the end, or inside braces up to the `}` that closes them. */
  #template(depth: number): Template {
    if (depth > MOST_NESTING) throw this.#malformed('variables are nested too deep')
    const parts: (string | Substitution)[] = []
    while (this.#at < this.#text.length) {
      const stop = this.#nextSpecial(depth > 0)
      if (stop > this.#at) parts.push(this.#text.slice(this.#at, stop))
      this.#at = stop
      if (this.#text[stop] !== '$') break
      parts.push(this.#dollar(depth))
    }
    return parts
  }

  #nextSpecial(isInBraces: boolean): number {
    let at = this.#at
    while (at < this.#text.length) {
      const character = this.#text[at]
      if (character === '$' || (isInBraces && character === '}')) break
      at += 1
    }
    return at
  }

  #dollar(depth: number): string | Substitution {
    this.#at += 1
    const next = this.#text[this.#at]
    if (next === '$') {
      this.#at += 1
      return '$'
    }
    if (next === '{') return this.#braced(depth)
    const name = this.#name()
    // A lone dollar stands for itself, as in Compose.
    return name === '' ? '$' : { name, operand: [] }
  }

  #braced(depth: number): Substitution {
    const start = this.#at - 1
    this.#at += 1
    const name = this.#name()
    if (name === '') throw this.#malformed('a variable name must follow `${`')
    const operator = OPERATORS.find((sign) => this.#text.startsWith(sign, this.#at))
    this.#at += operator?.length ?? 0
    const operand = operator === undefined ? [] : this.#template(depth + 1)
    if (this.#text[this.#at] !== '}') {
      const isOpen = this.#at >= this.#text.length
      throw this.#malformed(
        isOpen
          ? `the variable at character ${start + 1} is not closed with }`
          : `unexpected character after \`\${${name}\``,
      )
    }
    this.#at += 1
    return operator === undefined ? { name, operand } : { name, operator, operand }
  }

  #name(): string {
    NAME.lastIndex = this.#at
    const name = NAME.exec(this.#text)?.[0] ?? ''
    this.#at += name.length
    return name
  }

  #malformed(message: string): PolisError {
    return new PolisError('InvalidArgument', message, {
      hint: 'write ${NAME}, ${NAME:-default}, ${NAME:?error} or ${NAME:+replacement}; $$ is a plain dollar sign',
    })
  }
}
