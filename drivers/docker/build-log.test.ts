import { expect, test } from 'vitest'
import { BuildLog } from './build-log.ts'

test('chunks become lines, wherever they are cut', () => {
  const log = new BuildLog()
  expect(log.add('Step 1/2 : FROM a\n ---> 0123')).toEqual(['Step 1/2 : FROM a'])
  expect(log.add('456789ab\nhalf')).toEqual([' ---> 0123456789ab'])
  expect(log.add(' line\rprogress\r\n\n')).toEqual(['half line', 'progress'])
  expect(log.add('rest')).toEqual([])
  expect(log.end()).toEqual(['rest'])
  expect(log.lastLines.at(-1)).toBe('rest')
})

test('layers that were made are told from the base and from cached ones', () => {
  const log = new BuildLog()
  log.add(
    [
      'Step 1/4 : FROM a',
      ' ---> aaaaaaaaaaaa',
      'Step 2/4 : RUN x',
      ' ---> Using cache',
      ' ---> bbbbbbbbbbbb',
      'Step 3/4 : RUN y',
      ' ---> Running in 111111111111',
      'Removing intermediate container 111111111111',
      ' ---> cccccccccccc',
      'Step 4/4 : COPY z z',
      ' ---> dddddddddddd',
      '',
    ].join('\n'),
  )
  expect(log.layers).toEqual(['cccccccccccc', 'dddddddddddd'])
  expect(log.containers).toEqual(['111111111111'])
})
