import { standIn } from './service.ts';

standIn('log');
