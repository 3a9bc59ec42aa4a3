import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runShell } from '../cli/test-shell.ts'
import { HOST_COMMANDS } from '../boot/commands/commands.ts'

const ROOT = join(import.meta.dirname, '..')
const papers = globSync(['*.md', 'docs/**/*.md', 'images/*.md'], { cwd: ROOT })
const files = globSync('**/*.{ts,mjs,md,json,graphql,proto}', {
  cwd: ROOT,
  exclude: (path) => /(?:^|\/)(?:node_modules|dist|\.git|\.cache)$/.test(path),
})

/** Names that stand for any of their sort, and files that an installation has and the source has not. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  'index.ts',
  'kebab-case.ts',
  'x.test.ts',
  'x.fixture.ts',
  'config.json',
  'install.json',
])

/** `vN.json`, `resources/testdata/KIND/v1.json`: what is written large is to be filled in. */
const isPattern = (path: string): boolean => /N\.|[A-Z]{3,}/.test(path)

test('there are papers to look at', () => {
  expect(papers.length).toBeGreaterThan(20)
})

describe.each(papers)('%s', (paper) => {
  const text = readFileSync(join(ROOT, paper), 'utf8')

  test('links lead to something', () => {
    const links = [...text.matchAll(/\]\((?<to>[^)\s]+)\)/g)].map(
      ({ groups }) => groups?.['to'] ?? '',
    )
    const broken = links.filter((to) => !/^https?:/.test(to) && !leadsSomewhere(paper, text, to))
    expect(broken).toEqual([])
  })

  test('files that it names are there', () => {
    const named = [...text.matchAll(/`(?<path>[a-z][\w/.-]*\.(?:ts|mjs|md|json|graphql|proto))`/g)]
    const missing = named
      .map(({ groups }) => groups?.['path'] ?? '')
      .filter((path) => !ELSEWHERE.has(path) && !isPattern(path) && !isThere(path))
    expect(missing).toEqual([])
  })

  test('commands that it tells people to call are there', async () => {
    const told = new Set(commandsIn(text))
    const unknown: string[] = []
    for (const command of told) if (!(await isCommand(command))) unknown.push(command)
    expect(unknown).toEqual([])
  })
})

function leadsSomewhere(paper: string, text: string, to: string): boolean {
  const [path = '', anchor] = to.split('#')
  const file = path === '' ? paper : join(dirname(paper), path)
  if (!existsSync(join(ROOT, file))) return false
  if (anchor === undefined) return true
  const target = path === '' ? text : readFileSync(join(ROOT, file), 'utf8')
  return [...target.matchAll(/^#+ (?<title>.*)$/gm)].some(
    ({ groups }) => toAnchor(groups?.['title'] ?? '') === anchor,
  )
}

/** As GitHub makes it of a heading. */
function toAnchor(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')
}

/** By its whole path, or by the end of it: a table says once in which folder it is. */
function isThere(path: string): boolean {
  return files.some((file) => file === path || file.endsWith(`/${path}`))
}

/** `polis app ls` out of blocks and marks: the words before the first that is no plain word. */
function commandsIn(text: string): readonly string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '')
  const marked = [...prose.matchAll(/`(?:sudo )?polis\s(?<rest>[^`]+)`/g)]
  const blocks = [...text.matchAll(/^```\w*\n(?<block>[\s\S]*?)^```/gm)].flatMap(({ groups }) => [
    ...(groups?.['block'] ?? '').matchAll(/(?:^|&& )(?:\w+=\S+ )?polis (?<rest>[^\n#&]+)/gm),
  ])
  return [...marked, ...blocks].flatMap(({ groups }) => {
    const words = (groups?.['rest'] ?? '').split(/\s+/)
    const end = words.findIndex((word) => !/^[a-z][a-z-]*(?:\|[a-z-]+)*$/.test(word))
    const plain = end === -1 ? words : words.slice(0, end)
    const [noun = '', verbs] = plain
    if (noun === '') return []
    return verbs === undefined ? [noun] : verbs.split('|').map((verb) => `${noun} ${verb}`)
  })
}

async function isCommand(command: string): Promise<boolean> {
  const [noun = ''] = command.split(' ')
  if (HOST_COMMANDS.some(({ name }) => name === noun) || noun === 'help') return true
  const { code, stdout } = await runShell(`${command} --help`)
  // A command without verbs of its own takes the second word as its argument.
  return (
    code === 0 && (stdout.startsWith(`Usage: polis ${command}`) || !stdout.includes('\nCommands:'))
  )
}
