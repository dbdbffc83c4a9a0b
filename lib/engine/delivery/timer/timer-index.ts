import { codeOf } from '../../../errors/thrown.js';
