import { Module } from '@nestjs/common';
import { OverviewService } from './overview.js';
import { PageController } from './page.controller.js';

@Module({ controllers: [PageController], providers: [OverviewService] })
export class PageModule {}
