// What a bundled server does first: opens a store, writes and reads.
import { silentLogger } from '@polis/lib/logger'
import { TestClock } from '@polis/lib/test-clock'
import { openSqliteStore } from '../sqlite-store.ts'

const [file = ''] = process.argv.slice(2)
const store = await openSqliteStore({ file, clock: new TestClock(), logger: silentLogger })
await store.transact({ writes: [{ put: 'a', value: 1 }] })
process.stdout.write(JSON.stringify(await store.get('a')))
await store.close()
