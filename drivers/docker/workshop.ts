// What builds leave on the disk while they run: the context, and a note of what was made, so that the next process can
// clear up after a killed one.
import { randomBytes } from 'node:crypto'
import { appendFile, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Ids of what a build made in the engine, oldest first. */
export interface Made {
  readonly layers: readonly string[]
  readonly containers: readonly string[]
}

export class Workshop {
  readonly #folder: string
  readonly #active: Set<string>

  /** `active` are the benches in use, shared by all that work in the same folder. */
  constructor(dataDir: string, active: Set<string>) {
    this.#folder = join(dataDir, 'builds')
    this.#active = active
  }

  async openBench(): Promise<Bench> {
    const folder = join(this.#folder, randomBytes(8).toString('hex'))
    this.#active.add(folder)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return new Bench(folder, () => this.#active.delete(folder))
  }

  /** Benches that a killed process left. */
  async abandoned(): Promise<readonly Bench[]> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    return (await readdir(this.#folder))
      .map((name) => join(this.#folder, name))
      .filter((folder) => !this.#active.has(folder))
      .map((folder) => new Bench(folder, () => undefined))
  }
}

export class Bench {
  readonly #folder: string
  readonly #onClear: () => void
  readonly #noted = { layers: 0, containers: 0 }

  constructor(folder: string, onClear: () => void) {
    this.#folder = folder
    this.#onClear = onClear
  }

  get contextPath(): string {
    return join(this.#folder, 'context.tar')
  }

  /** Keeps on disk what of it was not noted yet. */
  async note(made: Made): Promise<void> {
    for (const kind of ['layers', 'containers'] as const) {
      const fresh = made[kind].slice(this.#noted[kind])
      if (fresh.length === 0) continue
      await appendFile(join(this.#folder, kind), fresh.map((id) => `${id}\n`).join(''))
      this.#noted[kind] = made[kind].length
    }
  }

  /** What was noted, oldest first. */
  async made(): Promise<Made> {
    const read = async (kind: keyof Made): Promise<readonly string[]> => {
      const text = await readFile(join(this.#folder, kind), 'utf8').catch(() => '')
      return text.split('\n').filter((line) => /^[0-9a-f]{12}$/.test(line))
    }
    return { layers: await read('layers'), containers: await read('containers') }
  }

  async clear(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
    this.#onClear()
  }
}
