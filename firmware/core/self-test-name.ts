/** The global into which the host puts the program of a self-test (board/self-test.ts). */
export const TEST_NAME = 'tapcash.test';
