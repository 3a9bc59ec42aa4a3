export interface Column<Row> {
  readonly title: string
  readonly text: (row: Row) => string
}

/** Columns as wide as what is in them, two blanks apart, nothing behind the last. */
export function toTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const lines = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ text }) => printable(text(row)))),
  ]
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)))
  return lines
    .map((cells) =>
      cells
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** What comes from elsewhere may not write to the terminal as it likes. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\t]/gu, ' ')
}
