// Fails when a package imports across an edge that LAYERS does not list, or reaches into
// another package by relative path. Reads source only; runs in well under a second.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { parseSync } from 'oxc-parser'

const LAYERS: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  resources: ['lib'],
  compose: ['lib', 'resources'],
  hal: ['lib', 'resources'],
  engines: ['lib'],
  protocol: ['lib', 'resources', 'hal'],
  kernel: ['lib', 'resources', 'hal', 'compose'],
  drivers: ['lib', 'resources', 'hal', 'engines'],
  agent: ['lib', 'resources', 'hal', 'protocol'],
  api: ['lib', 'resources', 'hal', 'protocol', 'kernel', 'compose'],
  cli: ['lib', 'compose'],
  boot: [
    'lib',
    'resources',
    'compose',
    'hal',
    'protocol',
    'kernel',
    'engines',
    'drivers',
    'agent',
    'api',
  ],
  // Rigs and whole-system tests look at everything from the outside.
  test: [
    'lib',
    'resources',
    'compose',
    'hal',
    'protocol',
    'kernel',
    'engines',
    'drivers',
    'agent',
    'api',
    'boot',
  ],
  bench: [
    'lib',
    'resources',
    'hal',
    'protocol',
    'kernel',
    'engines',
    'drivers',
    'agent',
    'api',
    'boot',
    'test',
  ],
}

/** `kernel` for kernel/store/store.ts; `drivers/zfs` for a driver, so that drivers stay islands. */
function layerOfPath(path: string): string {
  const [top = '', sub = ''] = path.split(sep)
  return top === 'drivers' || top === 'engines' ? `${top}/${sub}` : top
}

/** The layer a specifier points at, or undefined for a package of the outside world. */
function layerOfImport(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return layerOfPath(join(dirname(file), specifier))
  const name = /^@polis\/(?<name>[^/]+)/.exec(specifier)?.groups?.['name']
  return name?.replace(/^driver-/, 'drivers/').replace(/^engine-/, 'engines/')
}

/** The program `polis` is the shell and this host's own commands in one: nothing else of boot may see the shell. */
const PROGRAM = join('boot', 'polis.ts')

function isAllowed(file: string, from: string, to: string, specifier: string): boolean {
  const isTest = file.endsWith('.test.ts')
  if (from === to) return true
  if (file === PROGRAM && to === 'cli') return !specifier.startsWith('.')
  // A test may stand on the rig: real engines are started there and nowhere else.
  if (to === 'test' && isTest) return true
  if (specifier.startsWith('.')) return false
  const allowed = LAYERS[from.split('/')[0] ?? ''] ?? []
  return allowed.some((layer) => to === layer || to.startsWith(`${layer}/`))
}

/** Static, type-only, re-exported and dynamic imports alike. */
function importsOf(file: string): readonly string[] {
  const source = readFileSync(file, 'utf8')
  const { module, errors } = parseSync(file, source)
  if (errors.length > 0) throw new Error(`layers: cannot parse ${file}`)
  const reExports = module.staticExports.flatMap((e) =>
    e.entries.map((x) => x.moduleRequest?.value),
  )
  const dynamic = module.dynamicImports.map(({ moduleRequest: m }) =>
    source.slice(m.start + 1, m.end - 1),
  )
  const all = [...module.staticImports.map((i) => i.moduleRequest.value), ...reExports, ...dynamic]
  return [...new Set(all.filter((s) => s !== undefined && s !== null))]
}

const files = globSync(
  Object.keys(LAYERS).map((layer) => `${layer}/**/*.{ts,tsx}`),
  { exclude: (path) => path.includes('node_modules') },
)
// A boundary check that sees no files reports success; make that impossible.
if (files.length === 0) throw new Error('layers: no files matched')

let violations = 0
for (const file of files) {
  const from = layerOfPath(file)
  for (const specifier of importsOf(file)) {
    const to = layerOfImport(file, specifier)
    if (to === undefined || isAllowed(file, from, to, specifier)) continue
    violations += 1
    process.stderr.write(`${file}: ${from} must not import ${to} (${specifier})\n`)
  }
}
process.stdout.write(`layers: ${files.length} files, ${violations} violations\n`)
process.exitCode = violations === 0 ? 0 : 1
