import { standIn } from './service.ts';

standIn('worker');
