// Loaded in front of a process under test: it must not outlive the tests.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
