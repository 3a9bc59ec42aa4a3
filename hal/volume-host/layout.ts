// What may stand under a task's `/polis`: decided once, so that the fake and every driver refuse the same.
import { PolisError, type Problem, refusal } from '@polis/lib/error'
import type { TaskRootSpec } from './class.ts'

const UID = /^[a-z0-9][a-z0-9-]{0,62}$/
// What begins with a dot is the driver's own.
const SEGMENT = /^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}$/
const MAX_DEPTH = 4

/** Throws InvalidArgument unless `uid` can be a folder's name: lower-case letters, digits and dashes. */
export function requireUid(uid: string, path: string): void {
  if (UID.test(uid)) return
  throw new PolisError('InvalidArgument', 'not a uid: lower-case letters, digits and dashes', {
    path,
  })
}

function problem(path: string, message: string): Problem {
  return { code: 'InvalidArgument', path, message }
}

function* nameProblems(spec: TaskRootSpec): Iterable<Problem> {
  for (const [index, { name }] of spec.volumes.entries()) {
    if (!SEGMENT.test(name)) {
      yield problem(`volumes[${index}].name`, 'must be one name of letters, digits, _, - and dots')
    }
  }
  for (const [index, { path, files }] of spec.trees.entries()) {
    const segments = path.split('/')
    if (segments.length > MAX_DEPTH || !segments.every((segment) => SEGMENT.test(segment))) {
      yield problem(`trees[${index}].path`, 'must be up to four plain names joined by slashes')
    }
    for (const name of Object.keys(files)) {
      if (SEGMENT.test(name)) continue
      yield problem(`trees[${index}].files`, `${JSON.stringify(name)} is not a plain file name`)
    }
  }
}

function* overlapProblems(spec: TaskRootSpec): Iterable<Problem> {
  const taken: string[] = []
  const entries = [
    ...spec.volumes.map(({ name }, index) => ({ place: name, path: `volumes[${index}].name` })),
    ...spec.trees.map((tree, index) => ({ place: tree.path, path: `trees[${index}].path` })),
  ]
  for (const { place, path } of entries) {
    const other = taken.find((t) => t === place || isBelow(t, place) || isBelow(place, t))
    if (other !== undefined) yield problem(path, `${place} lies where ${other} is`)
    taken.push(place)
  }
}

function isBelow(inner: string, outer: string): boolean {
  return inner.startsWith(`${outer}/`)
}

/** Throws InvalidArgument, listing every name that cannot stand under `/polis` and every two that collide. */
export function checkTaskRoot(spec: TaskRootSpec): void {
  requireUid(spec.taskUid, 'taskUid')
  const problems = [...nameProblems(spec), ...overlapProblems(spec)]
  if (problems.length > 0) throw refusal(problems)
}
