// .dockerignore, file by file as the builder applies it: what comes last wins, `!` brings back, a matched folder takes
// everything below it. https://docs.docker.com/build/concepts/context/#dockerignore-files
import { posix } from 'node:path'
import { type Problem, refusal } from '@polis/lib/error'
import { type Glob, globOf, matchesGlob } from './glob.ts'

export interface DockerIgnore {
  /** `path`: relative to the context, with `/`, no leading `./`. */
  excludes(path: string): boolean
  /** True when a folder and all that can ever be below it is excluded: a walk need not enter it. */
  excludesAllBelow(folder: string): boolean
}

interface Rule {
  readonly glob: Glob
  readonly segments: readonly string[]
  readonly isInclusion: boolean
}

const MOST_CHARACTERS = 1 << 20

/**
 * `keep`: files that come along whatever the patterns say; the builder needs its Dockerfile. Throws a refusal
 * (InvalidArgument, with the lines) for patterns that are none.
 */
export function parseDockerIgnore(text: string, keep: readonly string[] = []): DockerIgnore {
  const problems: Problem[] = []
  if (text.length > MOST_CHARACTERS) problems.push(problemAt(1, 'the file is larger than 1 MiB'))
  const lines = problems.length > 0 ? [] : text.replace(/^\uFEFF/, '').split('\n')
  const rules = lines.flatMap((line, index) => {
    const rule = ruleOf(line)
    if (typeof rule !== 'string') return rule === undefined ? [] : [rule]
    problems.push(problemAt(index + 1, rule))
    return []
  })
  if (problems.length > 0) throw refusal(problems)
  const kept = new Set(keep.map((path) => posix.normalize(path)))
  return {
    excludes: (path) => !kept.has(posix.normalize(path)) && isExcluded(path, rules),
    excludesAllBelow(folder) {
      const isNeeded = [...kept].some((path) => path.startsWith(`${folder}/`))
      return (
        !isNeeded &&
        isExcluded(folder, rules) &&
        !rules.some((rule) => rule.isInclusion && mayMatchBelow(rule, folder.split('/')))
      )
    },
  }
}

/** Undefined for blank lines and comments, a text for what is wrong. */
function ruleOf(line: string): Rule | string | undefined {
  if (line.startsWith('#')) return undefined
  const trimmed = line.trim()
  if (trimmed === '') return undefined
  const isInclusion = trimmed.startsWith('!')
  const pattern = isInclusion ? trimmed.slice(1).trim() : trimmed
  if (pattern === '') return 'a pattern must follow !'
  const clean = posix.normalize(pattern).replace(/(?<=.)\/$/, '')
  const relative = clean.length > 1 && clean.startsWith('/') ? clean.slice(1) : clean
  const glob = globOf(relative)
  if (glob === undefined) return `${JSON.stringify(relative.slice(0, 80))} is not a pattern`
  return { glob, segments: relative.split('/'), isInclusion }
}

function isExcluded(path: string, rules: readonly Rule[]): boolean {
  let isOut = false
  for (const { glob, isInclusion } of rules) {
    if (isInclusion !== isOut) continue
    if (matchesGlob(glob, path)) isOut = !isInclusion
  }
  return isOut
}

/** Careful: says no only when plain names prove it. */
function mayMatchBelow({ segments }: Rule, folder: readonly string[]): boolean {
  for (const [index, name] of folder.entries()) {
    const segment = segments[index]
    if (segment === undefined || /[*?[\\]/.test(segment)) return true
    if (segment !== name) return false
  }
  return true
}

function problemAt(line: number, message: string): Problem {
  const file = '.dockerignore'
  return { code: 'InvalidArgument', path: `${file}:${line}`, message, file, line, column: 1 }
}
