import { causeChain, type PolisError, type Problem } from '@polis/lib/error'
import type { ShellDeps } from '../shell.ts'
import { Style } from './style.ts'
import { type Column, toTable } from './table.ts'

/** Results go to standard output, everything about the way there to standard error when results are JSON. */
export class Printer {
  readonly isJson: boolean
  readonly style: Style
  readonly #deps: ShellDeps

  constructor(deps: ShellDeps, isJson: boolean) {
    this.#deps = deps
    this.isJson = isJson
    this.style = new Style(deps.stdout.isTTY === true && !isJson && isColourWanted(deps.env))
  }

  /** A result: as JSON, or as `human` writes it. */
  result(value: unknown, human: () => string): void {
    const text = this.isJson ? JSON.stringify(value, undefined, 2) : human()
    if (text !== '') this.#deps.stdout.write(`${text}\n`)
  }

  /** A list of things, one a row. */
  list<Row>(rows: readonly Row[], columns: readonly Column<Row>[], ifEmpty: string): void {
    this.result(rows, () => (rows.length === 0 ? ifEmpty : toTable(rows, columns)))
  }

  /** For people only, and not part of the result. */
  note(text: string): void {
    const { stdout, stderr } = this.#deps
    const out = this.isJson ? stderr : stdout
    out.write(`${text}\n`)
  }

  /** Every problem of an error, each with what to do about it. */
  error(error: PolisError): void {
    const { code, path, message, hint, problems } = error
    const text = this.isJson
      ? JSON.stringify({ code, path, message, hint, problems }, undefined, 2)
      : problems.map((problem) => this.problem('error', problem)).join('\n')
    this.#deps.stderr.write(`${text}\n`)
    // Nobody expected this one: whoever reports it needs more than its name.
    const causes = code === 'Internal' && !this.isJson ? causeChain(error.cause) : []
    for (const cause of causes) this.#deps.stderr.write(`  cause: ${cause}\n`)
  }

  problem(kind: 'error' | 'warning', problem: Problem): string {
    const { code, path, message, hint } = problem
    const place = [positionOf(problem), path].filter((part) => part !== '').join(' ')
    const where = place === '' ? '' : `${place}: `
    const advice = hint === undefined ? '' : `\n  hint: ${hint}`
    return `${kind}[${code}] ${where}${message}${advice}`
  }
}

/** `compose.yaml:3:5`, as editors and terminals make links of. */
function positionOf({ file, line, column }: Problem): string {
  return [file, line, column].filter((part) => part !== undefined).join(':')
}

/** https://no-color.org */
function isColourWanted(env: ShellDeps['env']): boolean {
  return (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
}
