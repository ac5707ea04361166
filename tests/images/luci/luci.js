// A stand-in for LuCI's own modules: as much of luci-base's luci.js, rpc.js and ui.js as a view of ours uses, written
// after their behaviour (OpenWrt 23.05 to 25.12): how 'require' lines are found, E() and its text nodes, how a view is
// loaded and drawn, JSON-RPC to /ubus/, modal dialogues, and the handler that disables its button meanwhile.
'use strict';

(function(window, document) {
	String.prototype.format = function(...values) {
		let at = 0;
		return this.replace(/%[%sd]/g, word => word == '%%' ? '%' : String(values[at++]));
	};
	window._ = text => text;

	const dom = {
		append(node, children) {
			if (Array.isArray(children))
				children.forEach(child => {
					if (child != null)
						node.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
				});
			else if (children instanceof Node)
				node.appendChild(children);
			else if (children != null)
				node.innerHTML = String(children); // as LuCI: only an array is safe
			return node;
		},
		content(node, children) {
			while (node.firstChild)
				node.removeChild(node.firstChild);
			return dom.append(node, children);
		},
		create(tag, attributes, children) {
			const node = document.createElement(tag);
			for (const [ name, value ] of Object.entries(attributes || {}))
				if (typeof value == 'function')
					node.addEventListener(name, value);
				else if (value != null)
					node.setAttribute(name, value);
			return dom.append(node, children);
		}
	};
	window.E = dom.create;

	let requests = 0;
	const rpc = {
		declare(options) {
			return function(...values) {
				const params = {};
				(options.params || []).forEach((name, at) => { params[name] = values[at]; });
				const words = { jsonrpc: '2.0', id: ++requests, method: 'call', params: [ L.env.sessionid, options.object, options.method, params ] };
				return fetch('/ubus/', { method: 'POST', body: JSON.stringify(words) }).then(reply => reply.json()).then(message => {
					if (message.error)
						throw new Error('RPC call to %s/%s failed with error %d: %s'.format(options.object, options.method, message.error.code, message.error.message));
					if (options.reject && message.result[0] !== 0)
						throw new Error('RPC call to %s/%s failed with ubus code %d: %s'.format(options.object, options.method, message.result[0], 'Error'));
					return message.result.length > 1 ? message.result[1] : message.result[0];
				});
			};
		}
	};

	const poll = {
		add(fn, interval_s) {
			window.setInterval(fn, (interval_s || 5) * (L.env.poll_ms || 1000));
			return true;
		}
	};

	const ui = {
		showModal(title, children, ...classes) {
			const overlay = document.getElementById('modal_overlay');
			dom.content(overlay, E('div', { 'class': [ 'modal' ].concat(classes).join(' '), 'role': 'dialog', 'aria-modal': 'true' },
				[ E('h4', {}, [ title ]) ].concat(children)));
			document.body.classList.add('modal-overlay-active');
			return overlay.firstChild;
		},
		hideModal() {
			document.body.classList.remove('modal-overlay-active');
		},
		addNotification(title, children, ...classes) {
			const told = E('div', { 'class': [ 'alert-message' ].concat(classes).join(' ') }, [ E('h4', {}, [ title ]), children ]);
			document.getElementById('maincontent').prepend(told);
			return told;
		},
		createHandlerFn(context, fn, ...given) {
			fn = typeof fn == 'string' ? context[fn] : fn;
			return function(event) {
				const button = event.currentTarget;
				button.classList.add('spinning');
				button.disabled = true;
				button.blur();
				Promise.resolve(fn.apply(context, [ ...given, event ])).finally(() => {
					button.classList.remove('spinning');
					button.disabled = false;
				});
			};
		}
	};

	class View {
		constructor() {
			const place = document.getElementById('view');
			dom.content(place, E('div', { 'class': 'spinning' }, [ 'Loading view…' ]));
			Promise.resolve(this.load()).then(loaded => this.render(loaded)).then(nodes => {
				dom.content(place, nodes);
				if (this.handleSaveApply !== null || this.handleSave !== null || this.handleReset !== null)
					dom.append(place, [ E('div', { 'class': 'cbi-page-actions' }, [ 'Save & Apply' ]) ]);
			}).catch(error => {
				dom.content(place, E('p', { 'class': 'alert-message error' }, [ String(error.stack) ]));
			});
		}
		static extend(properties) {
			const made = class extends View {};
			Object.assign(made.prototype, properties);
			return made;
		}
	}

	window.L = {
		env: window.LUCI_ENV,
		hasViewPermission: () => L.env.writable,
		require(name) {
			return fetch('/luci-static/resources/' + name.split('.').join('/') + '.js').then(reply => reply.text()).then(source => {
				const modules = { dom, poll, rpc, ui, view: View }, names = [];
				for (const [ , word ] of source.matchAll(/^'([^']+)';$/gm)) {
					const match = /^require[ \t]+(\S+)$/.exec(word);
					if (match)
						names.push(match[1]);
				}
				const make = window.eval('(function(window, document, L, ' + names.join(', ') + ') { ' + source + ' })');
				return new (make(window, document, window.L, ...names.map(one => modules[one])))();
			});
		}
	};
	document.addEventListener('DOMContentLoaded', () => L.require('view.' + L.env.view.split('/').join('.')));
})(window, document);
