/** What a build says, as lines; and which layers and containers it made, as its lines tell. */
export class BuildLog {
  #rest = ''
  readonly #last: string[] = []
  readonly #layers: string[] = []
  readonly #containers: string[] = []
  #isFrom = false
  #isCached = false

  /** The lines that are complete now. */
  add(chunk: string): readonly string[] {
    const lines = (this.#rest + chunk).split(/\r\n|\n|\r/)
    this.#rest = lines.pop() ?? ''
    return lines.map((line) => line.trimEnd()).filter((line) => line !== '' && this.#note(line))
  }

  /** The line that no end came for. */
  end(): readonly string[] {
    return this.add('\n')
  }

  /** For an error message. */
  get lastLines(): readonly string[] {
    return this.#last
  }

  /** Layers that this build made and found in no cache, oldest first. */
  get layers(): readonly string[] {
    return this.#layers
  }

  /** Containers that steps ran in; the engine removes them, unless it is killed. */
  get containers(): readonly string[] {
    return this.#containers
  }

  #note(line: string): true {
    this.#last.push(line)
    if (this.#last.length > 20) this.#last.shift()
    const step = /^Step \d+\/\d+ : (?<instruction>\w+)/.exec(line)?.groups?.['instruction']
    if (step !== undefined) {
      this.#isFrom = step.toUpperCase() === 'FROM'
      this.#isCached = false
    }
    if (line === ' ---> Using cache') this.#isCached = true
    const container = /^ ---> Running in (?<id>[0-9a-f]{12})$/.exec(line)?.groups?.['id']
    if (container !== undefined) this.#containers.push(container)
    const layer = /^ ---> (?<id>[0-9a-f]{12})$/.exec(line)?.groups?.['id']
    // The layer of a FROM is the base image itself.
    if (layer !== undefined && !this.#isFrom && !this.#isCached) this.#layers.push(layer)
    return true
  }
}
