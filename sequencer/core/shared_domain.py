"""Domains whose addresses say nothing about a company: its people have nothing in common but a provider.

Free mail and the mail of internet providers; relays behind which people hide their address; societies, professions and
universities whose mail outlasts a place of work. Kept by hand, here and nowhere else, from what is publicly known of
providers: one that is missing is added to its group, in the order of the alphabet, and what the tests say of its form
holds. Not listed: what one organisation has for its own people, whole universities among them; and hosts below which
each organisation has a domain of its own, as `onmicrosoft.com`. What only one's own leads share, as the domain of an
agency, is declared in workspace.yaml.

No library does this. Lists of free mail on PyPI lack large providers of Europe, and say little of where their entries
come from; lists of universities (Hipo/university-domains-list) name whole universities, which may well be companies to
somebody, and of their students' mail a few dozen that mostly say so by their first label, as the rule below knows.
"""

import re
from collections.abc import Set
from typing import Final


def with_parents(domain: str) -> list[str]:
    """The domain and those that it lies below."""
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(len(labels))]


def is_shared(domain: str, declared: Set[str] = frozenset()) -> bool:
    """Whether people have nothing in common by having an address there. `domain`: as addresses are kept.

    `declared`: domains of which a workspace says that. What lies below one that is shared is as well.
    """
    while domain:
        if domain in DOMAINS or domain in declared:
            return True
        name, _, ending = domain.partition(".")
        if name in FAMILIES and _ENDING.fullmatch(ending):
            return True
        if name in LEARNERS and not is_suffix(ending):
            return True
        domain = ending
    return False


def is_suffix(domain: str) -> bool:
    """Whether organisations register their domains below it, as `co.uk`.

    By the usual words below countries, not by the Public Suffix List, whose regions and cities nobody takes for a name.
    """
    name, _, ending = domain.partition(".")
    return not ending or (name in _REGISTERED and len(ending) == 2)


FAMILIES: Final = frozenset({"aol", "gmx", "hotmail", "yahoo", "yandex"})
"""Providers that have their name in any country: `yahoo.fr`, `yahoo.co.uk`, `yahoo.com.br`."""

_ENDING: Final = re.compile(r"com|net|(com?\.)?[a-z]{2}")

LEARNERS: Final = frozenset(
    """
    alum alumnes alumni alumno alumnos estudante estudantes estudiante estudiantes etu etud etudiant etudiants pupil
    pupils stud student studente studenten studenti students
    """.split()
)
"""Below a university or school, the mail of students and graduates: `student.tudelft.nl`, `alumni.upenn.edu`."""

_REGISTERED: Final = frozenset(
    "ac asn co com edu go gob gouv gov govt gv k12 ltd mil ne net nhs nom or org plc police sch".split()
)

_LISTED: Final = """
# Everywhere
cock.li duck.com email.com fastmail.com fastmail.fm gmail.com googlemail.com hey.com hushmail.com icloud.com inbox.com
lycos.com mac.com mail.com mail.example mailfence.com me.com msn.com pm.me proton.me protonmail.ch protonmail.com
rocketmail.com runbox.com tuta.com tuta.io tutamail.com tutanota.com tutanota.de usa.net ymail.com zoho.com zoho.eu
zohomail.com zohomail.eu

# Microsoft
live.at live.be live.ca live.cl live.cn live.co.kr live.co.uk live.co.za live.com live.com.ar live.com.au live.com.mx
live.com.my live.com.ph live.com.pt live.com.sg live.de live.dk live.fi live.fr live.hk live.ie live.in live.it live.jp
live.nl live.no live.ru live.se outlook.at outlook.be outlook.cl outlook.co.id outlook.co.il outlook.co.nz outlook.co.th
outlook.com outlook.com.ar outlook.com.au outlook.com.br outlook.com.gr outlook.com.pe outlook.com.tr outlook.com.vn
outlook.cz outlook.de outlook.dk outlook.es outlook.fr outlook.hu outlook.ie outlook.in outlook.it outlook.jp outlook.kr
outlook.lv outlook.my outlook.ph outlook.pt outlook.sa outlook.sg outlook.sk passport.com windowslive.com

# Netherlands
caiway.nl casema.nl chello.nl dds.nl freeler.nl hccnet.nl hetnet.nl home.nl kabelfoon.net kpnmail.nl kpnplanet.nl
multiweb.nl online.nl onsbrabantnet.nl planet.nl quicknet.nl solcon.nl tele2.nl telfort.nl upcmail.nl versatel.nl wxs.nl
xs4all.nl zeelandnet.nl ziggo.nl ziggomail.com zonnet.nl

# Belgium, Luxembourg
base.be belgacom.net brutele.be edpnet.be internet.lu mail.be proximus.be pt.lu scarlet.be skynet.be tele2.be telenet.be
tvcablenet.be versateladsl.be vo.lu voo.be

# France
9online.fr aliceadsl.fr bbox.fr cegetel.net club-internet.fr club.fr dbmail.com free.fr infonie.fr laposte.net
libertysurf.fr neuf.fr noos.fr nordnet.fr numericable.fr orange.fr sfr.fr tele2.fr voila.fr wanadoo.fr worldonline.fr

# Germany, Austria, Switzerland
a1.net alice-dsl.de alice-dsl.net alice.de aon.at arcor.de bluemail.ch bluewin.ch chello.at compuserve.de email.de
ewe.net ewetel.net freenet.de genion.de gmx.org hispeed.ch htp-tel.de inode.at kabelbw.de kabelmail.de kabsi.at
liwest.at mail.de mailbox.org mnet-mail.de mnet-online.de netcologne.de netplus.ch o2mail.de o2online.de online.de
onlinehome.de osnanet.de posteo.de posteo.net quickline.ch sunrise.ch swissonline.ch t-online.de tele2.at unity-mail.de
unitybox.de utanet.at versanet.de vodafonemail.de vtxmail.ch web.de

# United Kingdom, Ireland
blueyonder.co.uk btinternet.com btopenworld.com cwgsy.net eircom.net f2s.com force9.co.uk freeserve.co.uk fsmail.net
iol.ie lineone.net madasafish.com manx.net ntlworld.com o2.co.uk onetel.com orange.net plus.com plus.net plusnet.com
sky.com supanet.com talk21.com talktalk.net tesco.net tiscali.co.uk toucansurf.com uwclub.net virgin.net virginmedia.com
wanadoo.co.uk zen.co.uk

# Spain, Portugal, Italy, Greece, Turkey
alice.it clix.pt email.it euskaltel.net fastwebnet.it forthnet.gr hol.gr inwind.it iol.it iol.pt jazztel.es libero.it
mundo-r.com mynet.com netcabo.pt ono.com orange.es otenet.gr sapo.pt superonline.com telecable.es telefonica.net
telepac.pt teletu.it terra.es tim.it tin.it tiscali.it tiscalinet.it ttmail.com virgilio.it wanadoo.es ya.com

# Nordic and Baltic countries
altibox.no bredband.net bredbandsbolaget.se broadpark.no c2i.net comhem.se cybercity.dk dnainternet.net elisa.fi
elisanet.fi get2net.dk getmail.no glocalnet.net inbox.lt inbox.lv internet.is jubii.dk kolumbus.fi luukku.com lyse.net
mail.dk mail.ee mbnet.fi ofir.dk online.no pp.inet.fi privat.dk saunalahti.fi simnet.is spray.se start.no stofanet.dk
suomi24.fi swipnet.se tdcadsl.dk tele.dk tele2.se telia.com webspeed.dk welho.com youmail.dk

# Central and eastern Europe
abv.bg atlas.cz atlas.sk azet.sk bk.ru bol.bg buziaczek.pl centrum.cz centrum.sk citromail.hu clicknet.ro dir.bg
email.cz freemail.hu gazeta.pl home.ro i.ua inbox.ru indamail.hu interia.eu interia.pl internet.ru iol.cz list.ru
mail.bg mail.ru mail.ua mailbox.hu meta.ua neostrada.pl net.hr o2.pl onet.eu onet.pl op.pl pobox.sk poczta.fm poczta.pl
post.cz post.sk quick.cz rambler.ru rdslink.ro seznam.cz siol.net t-online.hu tlen.pl ua.fm ukr.net upcmail.cz
upcmail.hu upcmail.ro vip.hr vipmail.hu volny.cz vp.pl wp.pl ya.ru zoznam.sk

# United States, Canada
adelphia.net alltel.net ameritech.net atlanticbb.net att.net bell.net bellaliant.net bellsouth.net bresnan.net
brighthouse.com cableone.net centurylink.net centurytel.net charter.net cogeco.ca cogeco.net comcast.net cox.net
earthlink.net eastlink.ca embarqmail.com epix.net excite.com flash.net frontier.com frontiernet.net gci.net
hawaiiantel.net hughes.net insightbb.com juno.com knology.net mchsi.com metrocast.net mindspring.com mts.net mymts.net
nbnet.nb.ca netscape.net netzero.com netzero.net optimum.net optonline.net pacbell.net peoplepc.com prodigy.net ptd.net
q.com rcn.com roadrunner.com rogers.com rr.com sasktel.net sbcglobal.net shaw.ca snet.net spectrum.net suddenlink.net
swbell.net sympatico.ca tds.net teksavvy.com telus.net twc.com verizon.net videotron.ca videotron.qc.ca windstream.net
wowway.com xplornet.ca xplornet.com zoominternet.net

# Latin America
adinet.com.uy arnet.com.ar bol.com.br cable.net.co cantv.net ciudad.com.ar etb.net.co fibertel.com.ar globo.com
ig.com.br oi.com.br prodigy.net.mx r7.com racsa.co.cr speedy.com.ar superig.com.br terra.cl terra.com.br terra.com.mx
une.net.co uol.com.br vtr.net zipmail.com.br

# Asia
012.net.il 126.com 139.com 163.com 163.net 188.com 21cn.com 263.net airtelmail.in aliyun.com asahi-net.or.jp
barak.net.il batelco.com.bh bezeqint.net biglobe.ne.jp bsnl.in chollian.net cyberia.net.lb dataone.in daum.net
dion.ne.jp docomo.ne.jp eim.ae emirates.net.ae excite.co.jp ezweb.ne.jp foxmail.com hanmail.net hinet.net i-cable.com
i.softbank.jp in.com indiatimes.com inter.net.il jcom.home.ne.jp jcom.zaq.ne.jp kakao.com maktoob.com nate.com naver.com
netvigator.com netvision.net.il nifty.com ocn.ne.jp pacific.net.sg plala.or.jp qatar.net.qa qq.com rediff.com
rediffmail.com sancharnet.in sify.com sina.cn sina.com singnet.com.sg so-net.ne.jp softbank.ne.jp sohu.com
starhub.net.sg streamyx.com tm.net.my tom.com vodafone.ne.jp vsnl.com vsnl.net walla.co.il walla.com yeah.net
zahav.net.il

# Australia, New Zealand, South Africa
absamail.co.za actrix.co.nz adam.com.au bigpond.com bigpond.net.au chariot.net.au clear.net.nz dodo.com.au
exemail.com.au iafrica.com ihug.co.nz iinet.net.au inspire.net.nz internode.on.net iprimus.com.au lantic.net mweb.co.za
netspace.net.au optusnet.com.au orcon.net.nz ozemail.com.au paradise.net.nz polka.co.za slingshot.co.nz snap.net.nz
telkomsa.net tpg.com.au vodamail.co.za webmail.co.za westnet.com.au xtra.co.nz

# Relays and forwarders, behind which anybody may be
33mail.com 8alias.com 8shield.net addymail.com aleeas.com anonaddy.com anonaddy.me dralias.com erine.email mailer.me
mozmail.com noreply.github.com opayq.com passfwd.com passinbox.com passmail.com passmail.net privaterelay.appleid.com
relay.firefox.com silomails.com simplelogin.co simplelogin.com simplelogin.fr simplelogin.io slmail.me slmails.com
sneakemail.com spamgourmet.com spamgourmet.net spamgourmet.org

# Marketplaces, which forward mail of buyers and guests
guest.airbnb.com guest.booking.com m.expediapartnercentral.com marketplace.amazon.ca marketplace.amazon.co.jp
marketplace.amazon.co.uk marketplace.amazon.com marketplace.amazon.com.mx marketplace.amazon.de marketplace.amazon.es
marketplace.amazon.fr marketplace.amazon.in marketplace.amazon.it marketplace.amazon.nl members.ebay.com
reply.craigslist.org sale.craigslist.org

# Members of societies and projects, for as long as they like
acm.org apache.org computer.org debian.org freebsd.org gentoo.org gnome.org ieee.org member.fsf.org
users.sourceforge.net

# Mail of a profession, whoever employs them; certified mail
arubapec.it cjsm.net doctors.net.uk doctors.org.uk legalmail.it nhs.net pec.aruba.it pec.it postecert.it

# Students and graduates, where the name does not say so
aya.yale.edu buckeyemail.osu.edu caa.columbia.edu campus.tu-berlin.de connect.hku.hk connect.ust.hk cougarnet.uh.edu
crimson.ua.edu csu.fullerton.edu e.ntu.edu.sg edu.unito.it go.olemiss.edu islander.tamucc.edu knights.ucf.edu
link.cuhk.edu.hk live.unc.edu mail.mcgill.ca mail.polimi.it mail.uc.edu mail.utoronto.ca masonlive.gmu.edu mavs.uta.edu
miners.utep.edu mumail.ie my.csun.edu my.fsu.edu my.shu.ac.uk my.unt.edu my.yorku.ca mymail.mapua.edu.ph myport.ac.uk
mytudublin.ie mytum.de post.harvard.edu rockets.utoledo.edu scarletmail.rutgers.edu studbocconi.it studio.unibo.it
terpmail.umd.edu toromail.csudh.edu u.nus.edu ucdconnect.ie umail.ucc.ie uowmail.edu.au vols.utk.edu
"""

DOMAINS: Final = frozenset(
    domain for line in _LISTED.splitlines() if not line.startswith("#") for domain in line.split()
)
