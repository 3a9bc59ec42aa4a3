// Runs one bench in a process of its own, so that no bench inherits another's memory; tells its rows to the parent.
import { BENCHES, isBenchName } from './benches.ts'

const [name = ''] = process.argv.slice(2)
if (!isBenchName(name)) throw new Error(`no bench ${name}`)
const { measure } = await BENCHES[name]()
const rows = await measure()
process.send?.(rows.map((row) => ({ ...row, name: `${name}: ${row.name}` })))
