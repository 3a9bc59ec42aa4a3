// Which images a Dockerfile stands on, so that they are found or fetched before the build begins: what Docker says of a
// missing one depends on the registry it then asks, and asking a registry out of reach takes it long.
// https://docs.docker.com/reference/dockerfile/

interface Stage {
  readonly name: string | undefined
  readonly base: string
  /** Images and stages it copies from. */
  readonly sources: readonly string[]
}

type Args = Readonly<Record<string, string>>

/** Instructions with their continuation lines joined, comments and empty lines left out. */
function instructionsOf(dockerfile: string): readonly string[] {
  const escape = /^#\s*escape\s*=\s*`/im.test(dockerfile.split(/^(?!\s*#)/m)[0] ?? '') ? '`' : '\\'
  const instructions: string[] = []
  let open = ''
  for (const line of dockerfile.split(/\r?\n/)) {
    if (/^\s*#/.test(line) || (open !== '' && line.trim() === '')) continue
    const text = line.trimEnd()
    if (text.endsWith(escape)) {
      open += `${text.slice(0, -1)} `
      continue
    }
    instructions.push((open + text).trim())
    open = ''
  }
  return [...instructions, open.trim()].filter((text) => text !== '')
}

/** `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}`; what is not set is empty. */
function substitute(text: string, args: Args): string {
  const pattern = /\$(?:(?<plain>\w+)|\{(?<braced>\w+)(?::(?<sign>[-+])(?<word>[^}]*))?\})/g
  return text.replaceAll(pattern, (...found: unknown[]) => {
    const groups: unknown = found.at(-1)
    const { plain, braced, sign, word } = toTexts(groups)
    const value = args[plain ?? braced ?? ''] ?? ''
    if (sign === '-') return value === '' ? (word ?? '') : value
    if (sign === '+') return value === '' ? '' : (word ?? '')
    return value
  })
}

function toTexts(groups: unknown): Readonly<Partial<Record<string, string>>> {
  const entries = Object.entries(groups ?? {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return Object.fromEntries(entries)
}

function unquote(text: string): string {
  return text.replace(/^(?<quote>["'])(?<inner>.*)\k<quote>$/, '$<inner>')
}

/** ARG before the first FROM: the only ones that FROM can use. */
function globalArgs(instructions: readonly string[], given: Args): Args {
  const args: Record<string, string> = {}
  for (const instruction of instructions) {
    if (/^FROM\s/i.test(instruction)) break
    for (const [, name = '', value] of instruction.matchAll(
      /(?:^ARG\s+|\s)(\w+)(?:=("[^"]*"|'[^']*'|\S*))?/gi,
    )) {
      if (!/^ARG\s/i.test(instruction)) continue
      const preset = value === undefined ? '' : substitute(unquote(value), args)
      args[name] = given[name] ?? preset
    }
  }
  return args
}

function stagesOf(instructions: readonly string[], args: Args): readonly Stage[] {
  const stages: { name: string | undefined; base: string; sources: string[] }[] = []
  for (const instruction of instructions) {
    const from = /^FROM\s+(?:--\S+\s+)*(?<base>\S+)(?:\s+AS\s+(?<name>\S+))?/i.exec(instruction)
    if (from?.groups !== undefined) {
      const base = substitute(unquote(from.groups['base'] ?? ''), args)
      stages.push({ base, name: from.groups['name']?.toLowerCase(), sources: [] })
    }
    const source = /^(?:COPY|ADD)\s+(?:--\S+\s+)*--from=(?<source>\S+)/i.exec(instruction)
    const name = source?.groups?.['source']
    if (name !== undefined) stages.at(-1)?.sources.push(name)
  }
  return stages
}

/**
 * Images a build of `target` (absent: the last stage) needs that are no stage of its own, each once. One whose name cannot
 * be told before the build is left out.
 */
export function baseImages(
  dockerfile: string,
  buildArgs: Args,
  target: string | undefined,
): readonly string[] {
  const instructions = instructionsOf(dockerfile)
  const stages = stagesOf(instructions, globalArgs(instructions, buildArgs))
  const wanted = target?.toLowerCase()
  const last = stages.findIndex(({ name }, index) => name === wanted || String(index) === wanted)
  const built = wanted === undefined || last === -1 ? stages : stages.slice(0, last + 1)
  const images = built.flatMap(({ base, sources }, index) => {
    const earlier = stages.slice(0, index)
    const isStage = (text: string): boolean =>
      /^\d+$/.test(text) || earlier.some(({ name }) => name === text.toLowerCase())
    return [base, ...sources].filter((text) => !isStage(text))
  })
  return [...new Set(images)].filter((image) => image !== 'scratch' && /^[^$\s]+$/.test(image))
}
