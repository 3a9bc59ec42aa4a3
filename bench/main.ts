// npm run bench [NAME...] [-- -o json]: measures, prints a table or one JSON object per row; exit 1 when a target fails.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { BENCHES, isBenchName } from './benches.ts'
import { Row } from './measure/row.ts'
import { toTable } from './measure/table.ts'

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { output: { type: 'string', short: 'o', default: 'table' } },
})
const unknown = names.filter((name) => !isBenchName(name))
const isJson = options.output === 'json'
if (unknown.length > 0 || (!isJson && options.output !== 'table')) {
  process.stderr.write(
    `usage: npm run bench [NAME...] [-- -o json]\nnames: ${Object.keys(BENCHES).join(', ')}\n`,
  )
  process.exit(2)
}

const rows: Row[] = []
for (const name of names.length === 0 ? Object.keys(BENCHES) : names) {
  process.stderr.write(`measuring ${name}\n`)
  const found = await rowsOf(name)
  if (isJson) for (const row of found) process.stdout.write(`${JSON.stringify(row)}\n`)
  rows.push(...found)
}
if (!isJson) process.stdout.write(toTable(rows))
if (rows.some(({ holds }) => holds === false)) process.exitCode = 1

async function rowsOf(name: string): Promise<readonly Row[]> {
  const child = fork(join(import.meta.dirname, 'run-one.ts'), [name], {
    execArgv: ['--expose-gc'],
  })
  let found: readonly Row[] | undefined
  child.on('message', (message) => {
    found = z.array(Row).parse(message)
  })
  await once(child, 'exit')
  if (found === undefined) throw new Error(`${name} ended without rows`)
  return found
}
