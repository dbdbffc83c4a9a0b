// The package ships no types. Only what the file lock uses is declared.
declare module 'fs-native-extensions' {
  /** Exclusive lock of a byte range for this open file; false when another open file holds it. macOS locks the whole file. */
  export function tryLock(fd: number, offset: number, length: number): boolean;
}
