// What the tests of the reader share: short ways from a few lines of YAML to a service or to its problems.
import { PolisError, type Problem } from '@polis/lib/error'
import type { ServiceModel } from './model.ts'
import { type ComposeInput, type ComposeReading, readCompose } from './read-compose.ts'

type Facts = Partial<Omit<ComposeInput, 'files'>>

export function read(text: string, facts: Facts = {}): ComposeReading {
  const defaults = { environment: {}, projectName: 'shop', allowBindRoots: [] }
  return readCompose({ ...defaults, ...facts, files: [{ path: 'compose.yaml', text }] })
}

/** Empty when the text is read without any. */
export function problemsOf(text: string, facts: Facts = {}): readonly Problem[] {
  try {
    read(text, facts)
  } catch (error) {
    if (error instanceof PolisError) return error.problems
    throw error
  }
  return []
}

/** The service `web` whose keys are the lines of `body`; an image is added where there is none. */
export function web(body: string, facts: Facts = {}): ServiceModel {
  const found = read(webText(body), facts).model.services.find(({ name }) => name === 'web')
  if (found === undefined) throw new Error('there is no service web')
  return found
}

/** Paths below the service, and messages. */
export function webProblems(body: string, facts: Facts = {}): readonly string[] {
  return problemsOf(webText(body), facts).map(
    ({ path, message }) => `${path.replace(/^services\.web\.?/, '')}: ${message}`,
  )
}

function webText(body: string): string {
  const lines = body.trim().split('\n')
  const image = /^(image|build):/m.test(body) ? [] : ['image: nginx']
  const keys = [...image, ...lines].map((line) => `    ${line}`)
  return ['services:', '  web:', ...keys, 'volumes: {data: , big_data: }'].join('\n')
}
