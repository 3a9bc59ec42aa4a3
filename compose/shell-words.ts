// Splits a command written as one text, as Compose does (mattn/go-shellwords): quotes and backslashes, no expansion.

export type SplitCommand =
  | { readonly words: readonly string[] }
  | { readonly fault: 'unbalanced' | 'operator'; readonly sign: string }

const SPACES: ReadonlySet<string> = new Set([' ', '\t', '\r', '\n'])
const OPERATORS: ReadonlySet<string> = new Set([';', '&', '|', '<', '>'])

type Quote = 'none' | 'single' | 'double' | 'backtick' | 'dollar'

/**
 * The words of `line`. Compose drops an unquoted `;`, `&`, `|`, `<` or `>` and all behind it; here that is a fault.
 * `$(…)` and backticks stay literal and may hold spaces.
 */
export function splitCommand(line: string): SplitCommand {
  const words: string[] = []
  let word = ''
  let hasWord = false
  let quote: Quote = 'none'
  let isEscaped = false
  for (const sign of line) {
    if (isEscaped) {
      word += sign === 't' ? '\t' : sign === 'n' ? '\n' : sign
      isEscaped = false
      hasWord = true
      continue
    }
    if (sign === '\\' && quote !== 'single') {
      isEscaped = true
      continue
    }
    if (SPACES.has(sign) && quote === 'none') {
      if (hasWord) words.push(word)
      word = ''
      hasWord = false
      continue
    }
    const next = quoteAfter(quote, sign, word)
    if (next === undefined) return { fault: 'unbalanced', sign }
    const isQuoteMark = next !== quote && (sign === '"' || sign === "'")
    quote = next
    hasWord = true
    if (isQuoteMark) continue
    if (quote === 'none' && OPERATORS.has(sign)) return { fault: 'operator', sign }
    word += sign
  }
  if (isEscaped || quote !== 'none') return { fault: 'unbalanced', sign: signOf(quote) }
  if (hasWord) words.push(word)
  return { words }
}

/** The state behind `sign`; undefined where it may not stand. */
function quoteAfter(quote: Quote, sign: string, word: string): Quote | undefined {
  switch (sign) {
    case '"':
      return toggled(quote, 'double')
    case "'":
      return toggled(quote, 'single')
    case '`':
      return toggled(quote, 'backtick')
    case '(':
      if (quote !== 'none') return quote
      return word.endsWith('$') ? 'dollar' : undefined
    case ')':
      if (quote === 'dollar') return 'none'
      return quote === 'none' ? undefined : quote
    default:
      return quote
  }
}

function toggled(quote: Quote, kind: Quote): Quote {
  if (quote === kind) return 'none'
  return quote === 'none' ? kind : quote
}

function signOf(quote: Quote): string {
  switch (quote) {
    case 'single':
      return "'"
    case 'double':
      return '"'
    case 'backtick':
      return '`'
    case 'dollar':
      return '$('
    case 'none':
      return '\\'
  }
}
