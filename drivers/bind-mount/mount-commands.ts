import { run } from '@polis/lib/run'

// English words, so that a refusal can be told from a failure.
const env = { LC_ALL: 'C' }

/** Mounts a tmpfs that nothing propagates to or from. */
export async function mountTmpfs(
  target: string,
  options: string,
  signal: AbortSignal,
): Promise<void> {
  const args = ['-t', 'tmpfs', '-o', options, '--make-private', 'polis', target]
  await run('mount', args, { signal, env })
}

/** Shows folder `source` at `target` too. A copy of a read-only mount is read-only from the start. */
export async function bind(source: string, target: string, signal: AbortSignal): Promise<void> {
  await run('mount', ['--bind', '--', source, target], { signal, env })
}

export async function changeMount(
  target: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await run('mount', [...args, target], { signal, env })
}

/** False when somebody uses what is mounted there. */
export async function tryUnmount(target: string, signal: AbortSignal): Promise<boolean> {
  try {
    await run('umount', ['--', target], { signal, env })
    return true
  } catch (error) {
    if (error instanceof Error && error.message.includes('busy')) return false
    throw error
  }
}
