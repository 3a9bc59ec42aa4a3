// A shell that stands in for a task's program in tests: it sees the task's root at `polisDir`.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TaskView } from '@polis/hal/volume-host/exam'
import { PolisError } from '@polis/lib/error'

const MARK = '--end-of-answer--'

export interface ShellTaskOptions {
  /** Starts a shell that reads commands from its input, in the task's mount namespace. */
  readonly command: readonly string[]
  readonly polisDir: string
  readonly onClose?: () => Promise<void>
}

export class ShellTask implements TaskView {
  readonly #options: ShellTaskOptions
  readonly #shell: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #words: string[] = []

  private constructor(options: ShellTaskOptions) {
    this.#options = options
    const [program = '', ...args] = options.command
    this.#shell = spawn(program, args, { stdio: 'pipe' })
    this.#shell.stdin.on('error', () => undefined)
    this.#shell.stderr.on('data', (chunk: Buffer) => this.#words.push(chunk.toString()))
    this.#lines = createInterface(this.#shell.stdout)[Symbol.asyncIterator]()
  }

  static async start(options: ShellTaskOptions): Promise<ShellTask> {
    const task = new ShellTask(options)
    await task.run('true')
    return task
  }

  /** Runs shell commands in the one shell of this task; throws with what they said when the last fails. */
  async run(script: string): Promise<string> {
    this.#shell.stdin.write(`{ ${script}\n} 2>&1; echo "${MARK}$?"\n`)
    const lines: string[] = []
    for (;;) {
      const next = await this.#lines.next()
      if (next.done === true)
        throw new PolisError('Internal', `shell ended: ${this.#words.join('')}`)
      const [text = '', status] = next.value.split(MARK)
      if (status === undefined) lines.push(text)
      else if (status === '0') return [...lines, text].join('\n')
      else throw new PolisError('Internal', [...lines, text].join('\n'))
    }
  }

  async read(path: string): Promise<string | undefined> {
    const at = `'${this.#options.polisDir}/${path}'`
    const text = await this.run(`if [ -e ${at} ]; then base64 -w0 < ${at}; else echo absent; fi`)
    return text.trim() === 'absent' ? undefined : Buffer.from(text, 'base64').toString('utf8')
  }

  async write(path: string, text: string): Promise<void> {
    const at = `'${this.#options.polisDir}/${path}'`
    await this.run(`echo ${Buffer.from(text).toString('base64')} | base64 -d > ${at}`)
  }

  async hold(path: string): Promise<{ readonly holder: string; release(): Promise<void> }> {
    await this.run(`exec 9< '${this.#options.polisDir}/${path}'`)
    const release = async (): Promise<void> => void (await this.run('exec 9<&-'))
    return { holder: `${(await this.run('cat /proc/$$/comm')).trim()} (pid `, release }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode } = this.#shell
    if (exitCode === null && signalCode === null) {
      this.#shell.kill('SIGKILL')
      await once(this.#shell, 'close')
    }
    await this.#options.onClose?.()
  }
}

/** A task without an engine: a shell in a mount namespace of its own, at whose /mnt the root is, as an engine would bind it. */
export function startShell(sourcePath: string): Promise<ShellTask> {
  const script = 'mount --rbind "$0" /mnt && mount --make-rslave /mnt && exec bash'
  const unshare = ['unshare', '--mount', '--propagation', 'slave']
  return ShellTask.start({
    command: [...unshare, 'sh', '-c', script, sourcePath],
    polisDir: '/mnt',
  })
}
