// Writes pairs of keys, many at a time, and prints each once it is acknowledged; runs until it is killed.
import { silentLogger } from '@polis/lib/logger'
import { TestClock } from '@polis/lib/test-clock'
import { openSqliteStore } from '../sqlite-store.ts'

const [file = '', run = ''] = process.argv.slice(2)
const store = await openSqliteStore({ file, clock: new TestClock(), logger: silentLogger })

async function writePairs(writer: number): Promise<never> {
  for (let n = 0; ; n += 1) {
    const pair = `pair/${run}-${writer}-${n}`
    const value = 'x'.repeat(n % 2000)
    await store.transact({
      writes: [
        { put: `${pair}/a`, value },
        { put: `${pair}/b`, value },
      ],
    })
    // The mark tells a whole line from one the kill cut off.
    process.stdout.write(`${pair}.\n`)
  }
}

await Promise.all(Array.from({ length: 32 }, (_, writer) => writePairs(writer)))
