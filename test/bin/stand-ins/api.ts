import { standIn } from './service.ts';

standIn('api');
