import type { OperationShown } from '../documents/operations.ts'
import type { ShellDeps } from '../shell.ts'
import { Style } from './style.ts'
import { printable } from './table.ts'
import { toDuration } from './units.ts'

type Step = OperationShown['steps'][number]

/** Shows an operation while it runs. */
export interface Progress {
  update(operation: OperationShown): void
  /** Leaves what was shown last on the screen. */
  end(): void
}

/** On a terminal the steps as they stand, drawn anew; elsewhere a line for each step that has changed. */
export function createProgress(deps: ShellDeps, isJson: boolean): Progress {
  const out = isJson ? deps.stderr : deps.stdout
  return out.isTTY === true && deps.env['TERM'] !== 'dumb'
    ? new DrawnSteps(out, new Style((deps.env['NO_COLOR'] ?? '') === ''))
    : new SaidSteps(out)
}

class SaidSteps implements Progress {
  readonly #out: ShellDeps['stdout']
  readonly #said = new Map<string, string>()

  constructor(out: ShellDeps['stdout']) {
    this.#out = out
  }

  update({ steps }: OperationShown): void {
    for (const step of steps) {
      if (step.status === 'waiting') continue
      const line = `${step.status.padEnd(8)} ${describe(step)}`
      if (this.#said.get(step.key) === line) continue
      this.#said.set(step.key, line)
      this.#out.write(`${line}\n`)
    }
  }

  end(): void {
    // Every line stands for itself.
  }
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const
const FRAME_MS = 100

class DrawnSteps implements Progress {
  readonly #out: ShellDeps['stdout']
  readonly #style: Style
  readonly #timer: NodeJS.Timeout
  #steps: readonly Step[] = []
  #drawnLines = 0
  #frame = 0

  constructor(out: ShellDeps['stdout'], style: Style) {
    this.#out = out
    this.#style = style
    this.#timer = setInterval(() => {
      this.#frame += 1
      this.#draw()
    }, FRAME_MS)
    this.#timer.unref()
  }

  update({ steps }: OperationShown): void {
    this.#steps = steps
    this.#draw()
  }

  end(): void {
    clearInterval(this.#timer)
    this.#draw()
  }

  #draw(): void {
    const width = (this.#out.columns ?? 80) - 1
    const lines = this.#steps.map(
      (step) => `${this.#mark(step)} ${describe(step).slice(0, width - 2)}`,
    )
    const up = this.#drawnLines === 0 ? '' : `\u001B[${this.#drawnLines}A`
    this.#out.write(`${up}${lines.map((line) => `\u001B[2K${line}\n`).join('')}\u001B[0J`)
    this.#drawnLines = lines.length
  }

  #mark({ status }: Step): string {
    switch (status) {
      case 'done':
        return this.#style.good('✔')
      case 'failed':
        return this.#style.bad('✘')
      case 'running':
        return FRAMES[this.#frame % FRAMES.length] ?? ''
      case 'skipped':
      case 'waiting':
        return this.#style.faint('·')
    }
  }
}

function describe({ title, status, message, startedAt, endedAt }: Step): string {
  const took = status === 'done' ? toDuration(startedAt, endedAt) : ''
  const [firstLine = ''] = message.split('\n')
  const rest = status === 'done' ? took : firstLine
  return printable(rest === '' ? title : `${title} (${rest})`)
}
