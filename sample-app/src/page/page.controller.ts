import { readFile } from 'node:fs/promises';
import { Controller, Get, Header } from '@nestjs/common';
import { OverviewService, type Overview } from './overview.js';

@Controller()
export class PageController {
  constructor(private readonly overviews: OverviewService) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  page(): Promise<string> {
    return readFile(new URL('index.html', import.meta.url), 'utf8');
  }

  @Get('overview')
  overview(): Promise<Overview> {
    return this.overviews.overview();
  }
}
