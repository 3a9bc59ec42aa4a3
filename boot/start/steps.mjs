// What is being done, one line a step: alive on a terminal, plain lines elsewhere.
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const NAME_COLUMNS = 58

function time(ms) {
  if (ms < 950) return ''
  const seconds = ms / 1000
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}

/** Without what would move the cursor or change colours. */
function plain(text) {
  // oxlint-disable-next-line eslint/no-control-regex -- control characters are what is looked for
  return text.replaceAll(/\u001B\[[0-9;?]*[A-Za-z]/g, '').replaceAll(/[\u0000-\u001F\u007F]/g, ' ')
}

export function newSteps(out) {
  const isLive = out.isTTY === true
  const dim = (text) => (isLive ? `\u001B[2m${text}\u001B[0m` : text)
  const colour = (code, text) => (isLive ? `\u001B[${code}m${text}\u001B[0m` : text)

  function end(mark, text, ms) {
    const took = time(ms)
    const line = took === '' ? text : `${text.padEnd(NAME_COLUMNS)} ${dim(took)}`
    out.write(`${isLive ? '\r\u001B[2K' : ''}  ${mark} ${line}\n`)
  }

  function show(title, detail, frame) {
    const room = (out.columns ?? 80) - 6
    const head = title.slice(0, room)
    const rest = plain(detail)
      .trim()
      .slice(0, Math.max(0, room - head.length - 2))
    const mark = colour(36, FRAMES[frame % FRAMES.length])
    out.write(`\r\u001B[2K  ${mark} ${head}${rest === '' ? '' : `  ${dim(rest)}`}`)
  }

  return {
    async run(title, act, done = () => title) {
      const startedMs = performance.now()
      let detail = ''
      let frame = 0
      const draw = () => show(title, detail, frame++)
      if (isLive) draw()
      const timer = isLive ? setInterval(draw, 100) : undefined
      try {
        const result = await act({ detail: (text) => (detail = text) })
        clearInterval(timer)
        end(colour(32, '✓'), done(result), performance.now() - startedMs)
        return result
      } catch (error) {
        clearInterval(timer)
        end(colour(31, '✗'), title, performance.now() - startedMs)
        throw error
      }
    },
    note(text) {
      out.write(`    ${dim(text)}\n`)
    },
  }
}
