import { PolisError } from '@polis/lib/error'
import type { Nothing, ObservedDevice } from '../driver.ts'
import { Faults } from '../faults.ts'
import type { BuilderPort, BuildProgress, BuildRequest, BuiltImage } from './class.ts'

/** Path in the tar to content. */
export type FakeContext = Readonly<Record<string, string>>

const PLAIN_CONTEXT: FakeContext = { Dockerfile: 'FROM base' }

/**
 * A builder in memory. It reads of a Dockerfile only FROM, `RUN echo TEXT`, `RUN exit N` and `RUN sleep`; a context it was not
 * told of counts as a good one, so that kernel tests need not make any.
 */
export class FakeBuilder implements BuilderPort {
  readonly #faults = new Faults<keyof BuilderPort>()
  readonly #contexts = new Map<string, FakeContext | 'lost'>()
  readonly #images = new Map<string, BuiltImage>()
  readonly #inUse = new Set<string>()
  readonly #built: BuildRequest[] = []
  #running = 0
  #holding: Promise<void> | undefined

  // Levers

  failNext(error: PolisError, method?: keyof BuilderPort): void {
    this.#faults.failNext(error, method)
  }

  setAway(isAway: boolean): void {
    this.#faults.setAway(isAway)
  }

  addContext(digest: string, files: FakeContext): void {
    this.#contexts.set(digest, files)
  }

  /** The context of that digest is not to be had. */
  loseContext(digest: string): void {
    this.#contexts.set(digest, 'lost')
  }

  /** Builds wait after their first line until the returned function is called. */
  holdBuilds(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#holding = promise
    return () => {
      this.#holding = undefined
      resolve()
    }
  }

  /** While in use an image cannot be removed. */
  setInUse(imageId: string, isInUse: boolean): void {
    if (isInUse) this.#inUse.add(imageId)
    else this.#inUse.delete(imageId)
  }

  /** Requests that ended in an image, oldest first. */
  get built(): readonly BuildRequest[] {
    return this.#built
  }

  /** Builds that are under way. */
  get running(): number {
    return this.#running
  }

  // Port

  async ensureDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    this.#faults.enter('ensureDevice', signal)
    return { isReady: true, engineVersion: 'fake', message: '', facts: {} }
  }

  async observeDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    this.#faults.enter('observeDevice', signal)
    return { isReady: true, engineVersion: 'fake', message: '', facts: {} }
  }

  async removeDevice(_: Nothing, signal: AbortSignal): Promise<Nothing> {
    this.#faults.enter('removeDevice', signal)
    return {}
  }

  async *build(input: BuildRequest, signal: AbortSignal): AsyncIterable<BuildProgress> {
    this.#faults.enter('build', signal)
    this.#running += 1
    try {
      const steps = this.#dockerfileOf(input)
      for (const [index, step] of steps.entries()) {
        const text = `Step ${index + 1}/${steps.length} : ${step}`
        yield { type: 'log', text }
        await untilAborted(this.#holding, signal)
        if (step.startsWith('RUN sleep')) await untilAborted(new Promise(() => undefined), signal)
        const echoed = /^RUN echo (?<words>.*)$/.exec(step)?.groups?.['words']
        if (echoed !== undefined) yield { type: 'log', text: withArgs(echoed, input) }
        requireStep(step, text)
      }
      yield { type: 'built', imageId: this.#keep(input, steps) }
    } finally {
      this.#running -= 1
    }
  }

  async removeImage(input: { imageId: string }, signal: AbortSignal): Promise<Nothing> {
    this.#faults.enter('removeImage', signal)
    if (this.#inUse.has(input.imageId)) {
      throw new PolisError('FailedPrecondition', `image ${input.imageId} is in use`)
    }
    this.#images.delete(input.imageId)
    return {}
  }

  async listImages(_: Nothing, signal: AbortSignal): Promise<{ images: BuiltImage[] }> {
    this.#faults.enter('listImages', signal)
    return { images: [...this.#images.values()] }
  }

  #keep(input: BuildRequest, steps: readonly string[]): string {
    const content = JSON.stringify([input.uid, input.contextDigest, input.buildArgs, steps])
    const imageId = `sha256:${hexOf(content)}`
    this.#images.set(imageId, { uid: input.uid, imageId, sizeBytes: content.length })
    this.#built.push(structuredClone(input))
    return imageId
  }

  /** The Dockerfile's lines up to the target's end. */
  #dockerfileOf(input: BuildRequest): readonly string[] {
    const context = this.#contexts.get(input.contextDigest) ?? PLAIN_CONTEXT
    if (context === 'lost') {
      throw new PolisError('NotFound', `no context ${input.contextDigest}`)
    }
    const prefix = input.contextPath === '.' ? '' : `${input.contextPath}/`
    const text = context[`${prefix}${input.dockerfile}`]
    if (text === undefined) {
      throw new PolisError('InvalidArgument', `no ${input.dockerfile} in the context`, {
        path: 'dockerfile',
      })
    }
    return upToTarget(
      text.split('\n').filter((line) => line.trim() !== ''),
      input.target,
    )
  }
}

function upToTarget(lines: readonly string[], target: string | undefined): readonly string[] {
  if (target === undefined) return lines
  const start = lines.findIndex((line) => line.endsWith(` AS ${target}`))
  if (start === -1) {
    throw new PolisError('InvalidArgument', `no stage ${target}`, { path: 'target' })
  }
  const end = lines.findIndex((line, index) => index > start && line.startsWith('FROM '))
  return end === -1 ? lines : lines.slice(0, end)
}

function withArgs(text: string, { buildArgs }: BuildRequest): string {
  return text.replaceAll(/\$(?<name>\w+)/g, (_, name: string) => buildArgs[name] ?? '')
}

function requireStep(step: string, text: string): void {
  if (/^FROM \S*missing/.test(step)) {
    throw new PolisError('NotFound', `no base image ${step.slice('FROM '.length)}`)
  }
  if (/^RUN exit [1-9]/.test(step)) {
    throw new PolisError('InvalidArgument', `a step failed:\n${text}`)
  }
  if (!/^(?:FROM|RUN|ARG|COPY|LABEL|CMD|ENTRYPOINT|EXPOSE|ENV|WORKDIR|USER) /.test(step)) {
    throw new PolisError('InvalidArgument', `unknown instruction:\n${text}`)
  }
}

/** Stands in for a digest: same text, same id; nothing hangs on its strength. */
function hexOf(text: string): string {
  const lanes = Array.from({ length: 8 }, (_, lane) => {
    let hash = 0x81_1c_9d_c5 + lane
    for (const character of text) {
      hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01_00_01_93)
    }
    return (hash >>> 0).toString(16).padStart(8, '0')
  })
  return lanes.join('')
}

async function untilAborted(work: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (work === undefined) return
  const { promise, reject } = Promise.withResolvers<void>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
