// The owner's page: is anything sold here, for how much, to whom, and what has it brought. It asks the object `airgrant`
// on ubus, which the daemon answers itself; amounts are whole micro-bandcoin, rates bit/s, and nothing is kept here.
'use strict';
'require dom';
'require poll';
'require rpc';
'require ui';
'require view';

const POLL_S = 5;
const UBC_PER_BC = 1000000;

function declare(method, params) {
	return rpc.declare({ object: 'airgrant', method: method, params: params || [], reject: true });
}

const callHealth = declare('health');
const callOffers = declare('offers');
const callSessions = declare('sessions');
const callEarnings = declare('earnings');
const callRevoke = declare('revoke', [ 'grant' ]);

// ---- words

function formatMoney(amount_ubc) {
	const whole = Math.floor(amount_ubc / UBC_PER_BC);
	const part = String(amount_ubc % UBC_PER_BC).padStart(6, '0').replace(/0{1,4}$/, '');
	return '%s.%s BC'.format(whole, part);
}

function formatScaled(value, units) {
	let at = 0;
	while (value >= 1000 && at < units.length - 1) {
		value /= 1000;
		at++;
	}
	return '%s %s'.format(value >= 100 || at == 0 ? Math.round(value) : Number(value.toPrecision(3)), units[at]);
}

function formatRate(rate_bps) {
	return formatScaled(rate_bps, [ 'bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s' ]);
}

function formatBytes(count) {
	return formatScaled(count, [ 'B', 'kB', 'MB', 'GB', 'TB' ]);
}

function formatDuration(time_s) {
	if (time_s < 120)
		return _('%s s').format(Math.max(0, Math.round(time_s)));
	if (time_s < 7200)
		return _('%s min').format(Math.round(time_s / 60));
	return _('%s h').format(Math.round(time_s / 3600));
}

function formatBoth(down, up, format) {
	return _('%s down, %s up').format(format(down), format(up));
}

function formatFloors(terms) {
	return formatBoth(terms.floor_down_bps, terms.floor_up_bps, formatRate);
}

const PHASES = {
	offered: _('buying'),
	admitted: _('starting'),
	active: _('served'),
	expiring: _('ending'),
	closed: _('ended')
};

// ---- parts of the page; each makes the nodes of one section from one answer

function renderFacts(facts) {
	return E('table', { 'class': 'table' }, facts.map(fact => E('tr', { 'class': 'tr' }, [
		E('th', { 'class': 'td left', 'scope': 'row', 'width': '33%' }, [ fact[0] ]),
		E('td', { 'class': 'td left' }, [ fact[1] ])
	])));
}

function renderHealth(health) {
	const words = health.selling ? _('This access point is selling.') : _('This access point is not selling now.');
	const nodes = [ E('div', { 'class': 'alert-message ' + (health.selling ? 'success' : 'warning') }, [
		E('strong', {}, [ words ])
	]) ];
	if (health.problems.length)
		nodes.push(E('ul', {}, health.problems.map(problem => E('li', { 'data-what': problem.what }, [ problem.text ]))));
	nodes.push(renderFacts([
		[ _('Signed records without a receipt'), String(health.records.unacknowledged) ]
	]));
	return nodes;
}

function renderOffer(offers) {
	const offer = offers.offer, tariff = offers.tariff, capacity = offers.capacity;
	const facts = [];
	if (offer)
		facts.push(
			[ _('Price of a unit'), _('%s for %s').format(formatMoney(offer.price_ubc), formatDuration(offer.allocation_duration_s)) ],
			[ _('Guaranteed rate'), formatFloors(offer) ],
			[ _('At most'), formatBoth(offer.ceil_down_bps, offer.ceil_up_bps, formatRate) ],
			[ _('Units left'), String(offer.allocations_left) ]
		);
	else
		facts.push([ _('Price of a unit'), _('Nothing is on offer.') ]);
	if (tariff) {
		const prices = [];
		if (tariff.per_minute_ubc)
			prices.push(_('%s a minute').format(formatMoney(tariff.per_minute_ubc)));
		if (tariff.per_megabyte_ubc)
			prices.push(_('%s a megabyte').format(formatMoney(tariff.per_megabyte_ubc)));
		facts.push([ _('As one goes'), prices.join(', ') ]);
	}
	facts.push([ _('Sold of what may be sold'), _('%s of %s down, %s of %s up').format(
		formatRate(capacity.floors_down_bps.sold), formatRate(capacity.floors_down_bps.most),
		formatRate(capacity.floors_up_bps.sold), formatRate(capacity.floors_up_bps.most)) ]);
	return [ renderFacts(facts) ];
}

function renderEarnings(earnings) {
	const facts = [
		[ _('Earned'), formatMoney(earnings.earned_ubc) ],
		[ _('Purchases'), String(earnings.purchases) ],
		[ _('Counted since'), new Date(earnings.since_utc_ms).toLocaleString() ]
	];
	if (earnings.refunds_owed)
		facts.push([ _('Refunds owed'), _('%s, of which %s is fixed').format(earnings.refunds_owed, formatMoney(earnings.refunds_owed_ubc)) ]);
	return [
		renderFacts(facts),
		E('p', { 'class': 'cbi-section-descr' }, [
			_('Purchases made through this access point since its daemon began. The ledger\'s account has the whole.')
		])
	];
}

return view.extend({
	handleSaveApply: null,
	handleSave: null,
	handleReset: null,

	load: function() {
		return this.ask();
	},

	/** All four answers, or null if nobody answers. */
	ask: function() {
		return Promise.all([ callHealth(), callOffers(), callSessions(), callEarnings() ]).catch(() => null);
	},

	render: function(answers) {
		this.regions = {};
		const page = E('div', {}, [
			E('h2', {}, [ _('Airgrant') ]),
			E('p', { 'class': 'cbi-map-descr' }, [ _('This access point sells its own airtime.') ]),
			this.region('health', _('Health'), { 'role': 'status', 'aria-live': 'polite' }),
			this.region('offer', _('Offer and price'), {}),
			this.region('sessions', _('Sessions'), {}),
			this.region('earnings', _('Earnings'), {})
		]);
		this.update(answers);
		poll.add(() => this.ask().then(answers => this.update(answers)), POLL_S);
		return page;
	},

	region: function(name, title, attributes) {
		const content = E('div', attributes, []);
		this.regions[name] = { content: content, told: null };
		return E('div', { 'class': 'cbi-section', 'id': 'airgrant-' + name, 'aria-label': title, 'role': 'region' }, [
			E('h3', {}, [ title ]),
			content
		]);
	},

	update: function(answers) {
		if (answers == null) {
			this.show('health', null, () => [ E('div', { 'class': 'alert-message warning' }, [
				E('strong', {}, [ _('The daemon does not answer.') ]), ' ',
				_('Is the service airgrant enabled and started? The system log says why not.')
			]) ]);
			for (const name of [ 'offer', 'sessions', 'earnings' ])
				this.show(name, null, () => [ E('p', {}, [ E('em', {}, [ _('Unknown.') ]) ]) ]);
			return;
		}
		const [ health, offers, sessions, earnings ] = answers;
		const quiet = Object.assign({}, health, { utc_ms: 0 });
		this.show('health', quiet, renderHealth);
		this.show('offer', offers, renderOffer);
		this.show('sessions', { sessions: sessions, utc_s: Math.floor(health.utc_ms / 1000) }, told => this.renderSessions(told));
		this.show('earnings', earnings, renderEarnings);
	},

	/** Only what changed is drawn, so that nothing is read aloud twice; who has the focus keeps it. */
	show: function(name, told, render) {
		const region = this.regions[name], text = JSON.stringify(told);
		if (region.told === text)
			return;
		const focused = region.content.contains(document.activeElement) ? document.activeElement.dataset.grant : null;
		region.told = text;
		dom.content(region.content, render(told));
		for (const button of region.content.querySelectorAll('button[data-grant]'))
			if (button.dataset.grant === focused)
				button.focus();
	},

	renderSessions: function(told) {
		const rows = told.sessions.sessions.filter(one => one.phase != 'closed');
		if (!rows.length)
			return [ E('p', {}, [ E('em', {}, [ _('Nobody is served now.') ]) ]) ];
		const titles = [ _('Station'), _('State'), _('Guaranteed rate'), _('Delivered'), _('Missing'), _('Time left'), '' ];
		const table = E('table', { 'class': 'table' }, [
			E('tr', { 'class': 'tr table-titles' }, titles.map(title => E('th', { 'class': 'th', 'scope': 'col' }, [ title ])))
		].concat(rows.map(one => this.renderSession(one, told.utc_s, titles))));
		return told.sessions.left_out ? [ table, E('p', {}, [ _('%s more are not shown.').format(told.sessions.left_out) ]) ] : [ table ];
	},

	renderSession: function(one, utc_s, titles) {
		const missing = one.down_shortfall_bytes + one.up_shortfall_bytes;
		const cells = [
			one.station,
			one.metered ? _('%s, pays as it goes').format(PHASES[one.phase] || one.phase) : PHASES[one.phase] || one.phase,
			formatFloors(one),
			formatBoth(one.down_bytes, one.up_bytes, formatBytes),
			missing ? formatBytes(missing) : _('none'),
			formatDuration(one.ends_s - utc_s),
			this.renderEnd(one)
		];
		return E('tr', { 'class': 'tr', 'data-grant': one.grant }, cells.map((cell, at) =>
			E('td', { 'class': 'td', 'data-title': titles[at] || null }, [ cell ])));
	},

	renderEnd: function(one) {
		if (!L.hasViewPermission() || one.phase == 'expiring')
			return '';
		return E('button', {
			'class': 'btn cbi-button cbi-button-remove',
			'data-grant': one.grant,
			'aria-label': _('End the session of %s').format(one.station),
			'click': ui.createHandlerFn(this, 'confirmEnd', one)
		}, [ _('End') ]);
	},

	confirmEnd: function(one) {
		const keep = E('button', { 'class': 'btn', 'click': ui.hideModal }, [ _('Keep it') ]);
		ui.showModal(_('End the session of %s?').format(one.station), [
			E('p', {}, [ _('It ends now, and its grant is void here for good. What was paid for it is not given back by this.') ]),
			E('div', { 'class': 'right' }, [ keep, ' ', E('button', {
				'class': 'btn cbi-button-negative important',
				'click': ui.createHandlerFn(this, 'end', one)
			}, [ _('End the session') ]) ])
		]);
		keep.focus();
	},

	end: function(one) {
		return callRevoke(one.grant)
			.then(() => this.ask().then(answers => this.update(answers)))
			.catch(error => ui.addNotification(null, E('p', {}, [ _('The session was not ended: %s').format(error.message) ]), 'error'))
			.finally(ui.hideModal);
	}
});
