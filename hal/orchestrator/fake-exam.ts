import { PolisError } from '@polis/lib/error'
import { systemClock } from '@polis/lib/system-clock'
import { newUid } from '@polis/lib/uid'
import type { TaskSpec } from './class.ts'
import type { OrchestratorExam } from './exam.ts'
import { FakeEngine } from './fake-engine.ts'
import type { FakeImage } from './fake-task.ts'
import { FakeOrchestrator } from './fake.ts'

/** The image that the exam asks for, as the fake has it. */
export const EXAM_IMAGE: FakeImage = {
  id: `sha256:${'a'.repeat(64)}`,
  names: ['polis/exam:latest'],
  exposedPorts: ['8080/tcp'],
  programs: {
    '/bin/serve': { output: [{ source: 'stdout', text: 'serving hello' }] },
    '/bin/crash': { exitCode: 3, output: [{ source: 'stderr', text: 'boom' }] },
    '/bin/stubborn': { ignoresStop: true },
  },
}

/** The fake and the world around it, for `orchestratorConformance`: near, and through a connection. */
export class FakeOrchestratorExam implements OrchestratorExam {
  readonly #engine = new FakeEngine({
    clock: systemClock,
    images: [EXAM_IMAGE],
    restartDelayMs: 50,
    passesHealthCheck: ({ healthCheck }) => healthCheck?.test.at(-1) !== '/bin/false',
  })
  readonly #files = new Map<string, string>()
  #hasForeign = false
  readonly port = new FakeOrchestrator(this.#engine)
  readonly image = EXAM_IMAGE.id
  readonly imageName = 'polis/exam'

  reopen(): FakeOrchestrator {
    return new FakeOrchestrator(this.#engine)
  }

  async ensureTaskAndDie(spec: TaskSpec): Promise<void> {
    const dying = this.reopen()
    dying.loseNextAnswer(new PolisError('Internal', 'killed'), 'ensureTask')
    await dying.ensureTask(spec, new AbortController().signal).then(
      () => Promise.reject(new Error('the answer was not lost')),
      () => undefined,
    )
  }

  async fetch(address: string): Promise<string> {
    const task = this.#engine.observed().find((each) => each.address === address)
    if (task === undefined) throw new Error(`nobody answers at ${address}`)
    return this.#engine.spec(task.uid).environment['GREETING'] ?? ''
  }

  async lookUp(uid: string, name: string): Promise<readonly string[]> {
    return this.#engine.lookUp(uid, name)
  }

  async readInside(uid: string, path: string): Promise<string | undefined> {
    const mount = this.#engine.spec(uid).mounts.find(({ target }) => path.startsWith(target))
    if (mount === undefined || mount.propagation !== 'rslave') return undefined
    return this.#files.get(mount.source + path.slice(mount.target.length))
  }

  newFolder(): string {
    const path = `/srv/${newUid()}`
    this.#engine.removeFolder(path)
    return path
  }

  async makeFolder(path: string): Promise<void> {
    this.#engine.addFolder(path)
  }

  async mountFile(path: string, name: string, content: string): Promise<void> {
    this.#files.set(`${path}/${name}`, content)
  }

  async addForeign(): Promise<void> {
    this.#hasForeign = true
  }

  async describeForeign(): Promise<string> {
    return String(this.#hasForeign)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { uid } of this.#engine.observed()) await this.#engine.remove(uid)
  }
}
