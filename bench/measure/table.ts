import type { Row } from './row.ts'

const COLUMNS: readonly (readonly [string, (row: Row) => string])[] = [
  ['name', ({ name }) => name],
  ['value', ({ value, unit }) => `${value} ${unit}`],
  ['peer', ({ peer }) => peer],
  ['peer value', ({ peerValue, unit }) => (peerValue === null ? '' : `${peerValue} ${unit}`)],
  ['ratio', ({ ratio }) => (ratio === null ? '' : String(ratio))],
  ['target', ({ target }) => target],
  ['holds', ({ holds }) => (holds === null ? '' : holds ? 'yes' : 'NO')],
]

/** A Markdown table, its columns lined up for reading as text too. */
export function toTable(rows: readonly Row[]): string {
  const lines = [
    COLUMNS.map(([title]) => title),
    ...rows.map((row) => COLUMNS.map(([, cell]) => cell(row))),
  ]
  const widths = COLUMNS.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)))
  const [head = '', ...body] = lines.map(
    (line) => `| ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |\n`,
  )
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|\n`
  return [head, rule, ...body].join('')
}
