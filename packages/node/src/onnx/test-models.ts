/* Two models of one operator each that try the runtime before a user's model does. A test checks what is in them. */

/** y = x + x, float32 [2]. */
export function deviceTestModel(): Uint8Array {
  return decode('CAg6OAoOCgF4CgF4EgF5IgNBZGQSBHRpbnlaDwoBeBIKCggIARIECgIIAmIPCgF5EgoKCAgBEgQKAggCQgQKABAR');
}

/** y = Cast(x), float16 [3] to float32 [3]. */
export function float16TestModel(): Uint8Array {
  return decode('CAg6QQoXCgF4EgF5IgRDYXN0KgkKAnRvGAGgAQISBHRpbnlaDwoBeBIKCggIChIECgIIA2IPCgF5EgoKCAgBEgQKAggDQgQKABAR');
}

function decode(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}
