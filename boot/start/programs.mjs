import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { Refusal } from './refusal.mjs'

// Debian keeps daemons in sbin, which the PATH of an ordinary shell leaves out.
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin']
const LAST_LINES = 40

export function isInstalled(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS]
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Runs to the end, each line of output to `onLine`; its last lines are in the refusal when it fails. */
export function run(program, args, { onLine = () => undefined, env = {}, cwd } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const lines = []
    const take = (line) => {
      lines.push(line)
      onLine(line)
    }
    createInterface(child.stdout).on('line', take)
    createInterface(child.stderr).on('line', take)
    child.once('error', (cause) => {
      reject(new Refusal(`${program} cannot be run`, `is ${program} installed?`, { cause }))
    })
    child.once('close', (code) => {
      if (code === 0) return resolve(lines)
      const words = lines.slice(-LAST_LINES).join('\n')
      reject(new Refusal(`${program} ${args[0] ?? ''} failed:\n${words}`))
    })
  })
}
