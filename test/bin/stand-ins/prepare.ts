// Stands in for bin/prepare.ts: says what it does and is done.
process.stdout.write('migrating 1 of 1\n');
process.exitCode = process.env['STAND_IN_PREPARE_FAILS'] === '1' ? 3 : 0;
