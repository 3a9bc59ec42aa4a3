// `npm start`: from a fresh clone to a running Polis. Plain JavaScript without packages, for whatever Node the host
// has from 20 on; all that follows runs on the Node that npm brings.
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkHost } from './start/host.mjs'
import { installPackages, missingPackages } from './start/packages.mjs'
import { Refusal } from './start/refusal.mjs'
import { newSteps } from './start/steps.mjs'
import {
  areModulesInstalled,
  build,
  checkNode,
  installModules,
  isBuilt,
  nodePath,
} from './start/tree.mjs'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const HOME = process.env.POLIS_HOME ?? '/var/lib/polis'

function say(text) {
  process.stdout.write(`${text}\n`)
}

async function preparePackages(steps) {
  const listFile = join(ROOT, 'boot/packages.json')
  const missing = missingPackages(listFile)
  if (missing.length === 0) return
  for (const { package: name, why } of missing) steps.note(`${name}: ${why}`)
  const names = missing.map((entry) => entry.package)
  const title = `${names.length === 1 ? 'Package' : 'Packages'} ${names.join(', ')}`
  await steps.run(title, ({ detail }) => installPackages(names, HOME, detail))
  const still = missingPackages(listFile).map((entry) => entry.package)
  if (still.length > 0)
    throw new Refusal(`still missing after the installation: ${still.join(', ')}`)
}

async function prepareTree(steps) {
  if (!areModulesInstalled(ROOT)) {
    await steps.run('Node packages', ({ detail }) => installModules(ROOT, detail))
  }
  await checkNode(ROOT)
  if (!isBuilt(ROOT)) await steps.run('Polis built', ({ detail }) => build(ROOT, detail))
}

function up(args) {
  const command = [join(ROOT, 'dist/polis.js'), 'up', ...args]
  const child = spawn(nodePath(ROOT), command, { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

try {
  say('')
  const steps = newSteps(process.stdout)
  await steps.run(
    'Host',
    async () => checkHost(),
    (name) => name,
  )
  await preparePackages(steps)
  await prepareTree(steps)
  process.exitCode = await up(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof Refusal)) throw error
  process.stderr.write(`\nerror: ${error.message}\n`)
  if (error.hint !== undefined) process.stderr.write(`hint: ${error.hint}\n`)
  process.exitCode = 1
}
