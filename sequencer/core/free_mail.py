"""Domains whose addresses say nothing about a company: free mail, and the mail of internet providers.

Kept by hand, from what is publicly known of providers: one that is missing is added to its group, in the order of the
alphabet. The lists on PyPI lack large providers of Europe, and say little of where their entries come from.
"""

import re
from typing import Final


def is_free(domain: str) -> bool:
    """Whether anybody may have an address there. `domain`: lower case."""
    if domain in DOMAINS:
        return True
    name, _, ending = domain.partition(".")
    return name in FAMILIES and _ENDING.fullmatch(ending) is not None


FAMILIES: Final = frozenset({"aol", "gmx", "hotmail", "yahoo", "yandex"})
"""Providers that have their name in any country: `yahoo.fr`, `yahoo.co.uk`, `yahoo.com.br`."""

_ENDING: Final = re.compile(r"com|net|(com?\.)?[a-z]{2}")

_LISTED: Final = """
# Everywhere
cock.li duck.com email.com fastmail.com fastmail.fm gmail.com googlemail.com hey.com hushmail.com icloud.com inbox.com
lycos.com mac.com mail.com mail.example mailfence.com me.com msn.com pm.me proton.me protonmail.ch protonmail.com
rocketmail.com runbox.com tuta.com tuta.io tutamail.com tutanota.com tutanota.de usa.net ymail.com zoho.com zoho.eu
zohomail.com zohomail.eu

# Microsoft
live.at live.be live.ca live.cl live.cn live.co.kr live.co.uk live.co.za live.com live.com.ar live.com.au live.com.mx
live.com.my live.com.ph live.com.pt live.com.sg live.de live.dk live.fi live.fr live.hk live.ie live.in live.it
live.jp live.nl live.no live.ru live.se outlook.at outlook.be outlook.cl outlook.co.id outlook.co.il outlook.co.nz
outlook.co.th outlook.com outlook.com.ar outlook.com.au outlook.com.br outlook.com.gr outlook.com.pe outlook.com.tr
outlook.com.vn outlook.cz outlook.de outlook.dk outlook.es outlook.fr outlook.hu outlook.ie outlook.in outlook.it
outlook.jp outlook.kr outlook.lv outlook.my outlook.ph outlook.pt outlook.sa outlook.sg outlook.sk passport.com
windowslive.com

# Netherlands
casema.nl chello.nl dds.nl hccnet.nl hetnet.nl home.nl kpnmail.nl kpnplanet.nl online.nl planet.nl quicknet.nl
solcon.nl tele2.nl telfort.nl upcmail.nl versatel.nl wxs.nl xs4all.nl zeelandnet.nl ziggo.nl zonnet.nl

# Belgium, Luxembourg
base.be belgacom.net proximus.be pt.lu scarlet.be skynet.be tele2.be telenet.be tvcablenet.be versateladsl.be voo.be

# France
9online.fr aliceadsl.fr bbox.fr cegetel.net club-internet.fr free.fr laposte.net libertysurf.fr neuf.fr noos.fr
numericable.fr orange.fr sfr.fr voila.fr wanadoo.fr

# Germany, Austria, Switzerland
a1.net aon.at arcor.de bluemail.ch bluewin.ch chello.at email.de freenet.de gmx.org hispeed.ch inode.at kabelmail.de
kabsi.at mail.de mailbox.org online.de posteo.de posteo.net quickline.ch sunrise.ch swissonline.ch t-online.de
tele2.at unitybox.de utanet.at vodafonemail.de vtxmail.ch web.de

# United Kingdom, Ireland
blueyonder.co.uk btinternet.com btopenworld.com eircom.net freeserve.co.uk iol.ie ntlworld.com o2.co.uk plus.com
plus.net plusnet.com sky.com talk21.com talktalk.net tesco.net tiscali.co.uk virgin.net virginmedia.com zen.co.uk

# Spain, Portugal, Italy, Greece, Turkey
alice.it clix.pt email.it fastwebnet.it forthnet.gr hol.gr inwind.it iol.it iol.pt libero.it mail.telepac.pt mynet.com
netcabo.pt ono.com orange.es otenet.gr sapo.pt telefonica.net telepac.pt terra.es tim.it tin.it tiscali.it
tiscalinet.it virgilio.it wanadoo.es ya.com

# Nordic and Baltic countries
bredband.net broadpark.no c2i.net comhem.se elisanet.fi get2net.dk getmail.no glocalnet.net inbox.lt inbox.lv jubii.dk
kolumbus.fi luukku.com mail.dk mail.ee mail.telia.com ofir.dk online.no pp.inet.fi spray.se start.no stofanet.dk
suomi24.fi tdcadsl.dk tele2.se telia.com webspeed.dk

# Central and eastern Europe
abv.bg atlas.cz atlas.sk azet.sk bk.ru bol.bg centrum.cz centrum.sk citromail.hu dir.bg email.cz freemail.hu gazeta.pl
i.ua inbox.ru indamail.hu interia.eu interia.pl internet.ru list.ru mail.bg mail.ru mail.ua mailbox.hu meta.ua net.hr
o2.pl onet.eu onet.pl op.pl pobox.sk poczta.fm poczta.onet.pl post.cz post.sk quick.cz rambler.ru seznam.cz siol.net
t-online.hu tlen.pl ua.fm ukr.net upcmail.cz upcmail.hu vip.hr volny.cz vp.pl wp.pl ya.ru zoznam.sk

# United States, Canada
adelphia.net alltel.net ameritech.net att.net bell.net bellsouth.net cableone.net centurylink.net centurytel.net
charter.net comcast.net cox.net earthlink.net embarqmail.com excite.com flash.net frontier.com frontiernet.net
juno.com mindspring.com netscape.net netzero.com netzero.net optimum.net optonline.net pacbell.net peoplepc.com
prodigy.net q.com roadrunner.com rogers.com rr.com sbcglobal.net shaw.ca snet.net spectrum.net suddenlink.net
swbell.net sympatico.ca tds.net telus.net twc.com verizon.net videotron.ca videotron.qc.ca windstream.net

# Latin America
adinet.com.uy arnet.com.ar bol.com.br fibertel.com.ar globo.com ig.com.br oi.com.br prodigy.net.mx speedy.com.ar
terra.cl terra.com.br terra.com.mx uol.com.br vtr.net

# Asia
126.com 139.com 163.com 163.net 188.com 21cn.com 263.net aliyun.com biglobe.ne.jp chollian.net daum.net docomo.ne.jp
ezweb.ne.jp foxmail.com hanmail.net hinet.net in.com indiatimes.com kakao.com nate.com naver.com nifty.com
pacific.net.sg qq.com rediff.com rediffmail.com sify.com sina.cn sina.com singnet.com.sg so-net.ne.jp softbank.ne.jp
sohu.com tom.com vip.163.com vip.qq.com vip.sina.com walla.co.il walla.com yeah.net

# Australia, New Zealand, South Africa
adam.com.au bigpond.com bigpond.net.au dodo.com.au iinet.net.au internode.on.net mweb.co.za optusnet.com.au
paradise.net.nz slingshot.co.nz telkomsa.net tpg.com.au vodamail.co.za webmail.co.za westnet.com.au xtra.co.nz
"""

DOMAINS: Final = frozenset(
    domain for line in _LISTED.splitlines() if not line.startswith("#") for domain in line.split()
)
