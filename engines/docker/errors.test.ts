import { describe, expect, it } from 'vitest'
import { fromSocketError, fromStatus, fromStreamMessage } from './errors.ts'

describe('fromStatus', () => {
  it.each([
    [400, 'invalid reference format', 'InvalidArgument'],
    [400, 'name "already exists" is not valid', 'InvalidArgument'],
    [403, 'error while removing network: network x has active endpoints', 'FailedPrecondition'],
    [404, 'No such container: x', 'NotFound'],
    [409, 'Conflict. The container name "/x" is already in use by container "y".', 'AlreadyExists'],
    [409, 'network with name x already exists', 'AlreadyExists'],
    [
      409,
      'rpc error: name conflicts with an existing object: service x already exists',
      'AlreadyExists',
    ],
    [409, 'removal of container x is already in progress', 'Aborted'],
    [409, 'remove x: volume is in use - [y]', 'FailedPrecondition'],
    [500, 'rpc error: code = Unknown desc = update out of sequence', 'Aborted'],
    [500, 'Bind for 0.0.0.0:80 failed: port is already allocated', 'FailedPrecondition'],
    [500, 'Error processing tar file(exit status 1): no space left on device', 'ResourceExhausted'],
    [500, 'Get "https://x/v2/": dial tcp: lookup x: no such host', 'Unavailable'],
    [500, 'something else', 'Internal'],
    [503, 'This node is not a swarm manager.', 'FailedPrecondition'],
    [503, 'This node is already part of a swarm.', 'AlreadyExists'],
    [503, 'starting up', 'Unavailable'],
    [501, 'no', 'Unimplemented'],
    [418, 'no', 'InvalidArgument'],
  ])('turns %i "%s" into %s', (status, message, code) => {
    expect(fromStatus(status, message, 'GET /x')).toMatchObject({
      code,
      message: `Docker: ${message}`,
    })
  })
})

describe('fromStreamMessage', () => {
  it.each([
    ['manifest for x:1 not found: manifest unknown', 'NotFound'],
    ['unauthorized: authentication required', 'PermissionDenied'],
    ["The command '/bin/sh -c false' returned a non-zero code: 1", 'InvalidArgument'],
    ['write /x: no space left on device', 'ResourceExhausted'],
    ['dial tcp 127.0.0.1:5000: connect: connection refused', 'Unavailable'],
    ['something else', 'Internal'],
  ])('turns "%s" into %s', (message, code) => {
    expect(fromStreamMessage(message, 'POST /x')).toMatchObject({ code })
  })
})

describe('fromSocketError', () => {
  const failure = (code: string): Error => Object.assign(new Error('failed'), { code })

  it.each([
    ['ECONNREFUSED', 'Unavailable'],
    ['ECONNRESET', 'Unavailable'],
    ['ENOENT', 'Unavailable'],
    ['EPIPE', 'Unavailable'],
    ['EACCES', 'PermissionDenied'],
    ['ENOSPC', 'ResourceExhausted'],
    ['HPE_INVALID_CONSTANT', 'Internal'],
  ])('turns %s into %s', (errno, code) => {
    const cause = failure(errno)
    expect(fromSocketError(cause, 'GET /x')).toMatchObject({ code, cause })
  })
})
