// Loaded in front of a built service: it must not outlive the tests or the bench that started it.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
