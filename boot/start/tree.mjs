// The tree itself: what npm installs into it, and what is built from it. Each is skipped when nothing changed.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal } from './refusal.mjs'
import { run } from './programs.mjs'

const NODE_MAJOR = 24

function hashOf(root, files) {
  const hash = createHash('sha256')
  for (const file of files) {
    const content = readFileSync(join(root, file))
    hash.update(`${file}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

const lockHash = (root) => hashOf(root, ['package-lock.json'])

function isNoted(path, text) {
  return existsSync(path) && readFileSync(path, 'utf8') === text
}

/** The Node that Polis runs on, brought by npm: the host's may be older. */
export function nodePath(root) {
  return join(root, `node_modules/node-linux-${process.arch}/bin/node`)
}

export function areModulesInstalled(root) {
  return (
    isNoted(join(root, 'node_modules/.polis-lock'), lockHash(root)) && existsSync(nodePath(root))
  )
}

export async function installModules(root, onLine) {
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=http']
  await run('npm', args, { cwd: root, onLine })
  // After it: npm may have put the file's own form right.
  writeFileSync(join(root, 'node_modules/.polis-lock'), lockHash(root))
}

/** Throws unless the Node that npm brought is the right one and runs here. */
export async function checkNode(root) {
  const [version = ''] = await run(nodePath(root), ['--version'])
  if (version.startsWith(`v${NODE_MAJOR}.`)) return
  throw new Refusal(`npm brought Node ${version}, Polis needs Node ${NODE_MAJOR}`)
}

const isSource = (name) => /\.(ts|mts|js|json|graphql)$/.test(name) && !name.endsWith('.test.ts')

/** Paths of the sources below a folder, in order. */
function sourcesIn(root, folder) {
  const entries = readdirSync(join(root, folder), { withFileTypes: true })
  const found = entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sourcesIn(root, path)
    return isSource(entry.name) ? [path] : []
  })
  return found.sort()
}

function sourceHash(root) {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const folders = workspaces.filter((folder) => folder !== 'test').map((f) => f.replace('/*', ''))
  const files = folders.flatMap((folder) => sourcesIn(root, folder))
  return hashOf(root, ['package-lock.json', ...files])
}

const builtPath = (root) => join(root, 'dist/.sources')

export function isBuilt(root) {
  return isNoted(builtPath(root), sourceHash(root))
}

export async function build(root, onLine) {
  // Before it, so that what is changed meanwhile is built the next time.
  const hash = sourceHash(root)
  await run(nodePath(root), [join(root, 'boot/build.ts')], { cwd: root, onLine })
  writeFileSync(builtPath(root), hash)
}
